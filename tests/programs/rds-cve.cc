// SPDX-License-Identifier: GPL-2.0
/*
 * rds-cve: the known defects of RDS that concern sockets, one case for each number of docs/pitfalls.md. The cases are
 * in cve/. Each runs in a process of its own, and fails too when it hangs, or when the kernel complains meanwhile.
 * Prints TAP. For a machine that may crash: as root in a guest, as the cases load and unload modules.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include <cstdio>

#include "arguments.h"
#include "cve/trial.h"

namespace {

constexpr char usage[] =
	"usage: rds-cve CASE... --tcp ADDRESS --far ADDRESS [options]\n"
	"       rds-cve all ...\n"
	"       rds-cve list\n"
	"  CASE            a name or a number of the list\n"
	"  --tcp ADDRESS   a local IPv4 address other than 127.0.0.0/8\n"
	"  --far ADDRESS   an IPv4 address on the same network where nobody answers\n"
	"  --count N       repetitions, instead of each case's own number\n"
	"  --scale N       for a kernel that is so much slower: fewer repetitions, more time\n"
	"  --skip CASE     all: but not this one (repeat)\n"
	"exit:  0 if every case passed or cannot run here, 1 if not, 2 for a bad command line\n";

/* What the kernel says while a case runs; other cases' lines are behind us. */
class kernel_log {
public:
	kernel_log() : fd_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC))
	{
		::lseek(fd_, 0, SEEK_END);
	}
	kernel_log(const kernel_log &) = delete;
	~kernel_log() { ::close(fd_); }

	/* The first complaint, or nothing. */
	std::string complaint()
	{
		static constexpr const char *words[] = {"BUG",
							"WARNING:",
							"Oops",
							"refcount_t",
							"general protection",
							"possible circular",
							"INFO: task",
							"Call Trace",
							"UBSAN",
							"nonzero mapcount"};
		std::vector<char> line(8192);
		ssize_t n;
		while ((n = ::read(fd_, line.data(), line.size())) > 0 ||
		       (n < 0 && errno == EPIPE)) {
			std::string text(line.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
			text = text.substr(std::min(text.find(';') + 1, text.size()));
			text = text.substr(0, text.find('\n'));
			for (const char *word : words)
				if (text.find(word) != text.npos)
					return text;
		}
		return "";
	}

private:
	int fd_;
};

bool has_number(const trial_case &c, const std::string &number)
{
	return (", " + std::string(c.numbers) + ",").find(", " + number + ",") != std::string::npos;
}

std::vector<trial_case> chosen(const arguments &args, const std::vector<std::string> &words,
			       const std::vector<std::string> &without)
{
	std::vector<trial_case> all;
	for (const auto &word : words) {
		std::size_t before = all.size();
		for (const auto &c : all_trials())
			if (word == "all" || word == c.name || has_number(c, word))
				all.push_back(c);
		if (all.size() == before)
			args.fail("no such case: " + word);
	}
	std::erase_if(all, [&](const trial_case &c) {
		return std::find(without.begin(), without.end(), c.name) != without.end();
	});
	return all;
}

/* In the child: "P", "F" or "S", and the story. */
std::string told(const trial_case &c, const trial_setup &set)
{
	trial t(set);
	try {
		c.run(t);
	} catch (const trial::skipped &s) {
		/* what was wrong before stays wrong */
		return t.failed() ? "F" + t.story() : "S" + s.why;
	}
	return (t.failed() ? "F" : "P") + t.story();
}

[[noreturn]] void child(const trial_case &c, const trial_setup &set, int out)
{
	::setpgid(0, 0);
	std::string text = told(c, set);
	if (::write(out, text.data(), std::min<std::size_t>(text.size(), 4000)) < 0)
		::_exit(1);
	::_exit(0);
}

/* What the child said, unless it hung or died. */
std::string outcome(const trial_case &c, const trial_setup &set)
{
	int pipes[2];
	if (::pipe2(pipes, O_CLOEXEC))
		return "Fno pipe";
	pid_t pid = ::fork();
	if (!pid)
		child(c, set, pipes[1]);
	::close(pipes[1]);

	std::string text(4096, '\0');
	pollfd p{pipes[0], POLLIN, 0};
	bool late = ::poll(&p, 1, static_cast<int>(c.seconds * set.scale * 1000)) == 0;
	ssize_t n = late ? 0 : ::read(pipes[0], text.data(), text.size());
	text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
	::close(pipes[0]);
	::kill(-pid, SIGKILL);
	::kill(pid, SIGKILL);
	int status = 0;
	pid_t gone = 0;
	for (stopwatch watch; !gone && watch.ms() < 30000; ::usleep(1000))
		gone = ::waitpid(pid, &status, WNOHANG);
	if (gone != pid)
		return "Fhangs: cannot be killed";
	if (late)
		return "Fhangs: not done in " + std::to_string(c.seconds * set.scale) + " s";
	return text.empty() ? "Fthe process died" : text;
}

/* Return: it did not fail. */
bool run(const trial_case &c, const trial_setup &set, int number)
{
	std::printf("# %s\n", c.name);
	std::fflush(stdout);
	kernel_log log;
	stopwatch watch;
	std::string text = outcome(c, set), complaint = log.complaint();
	char kind = text[0];
	text = text.substr(1);
	if (!complaint.empty()) {
		text = "the kernel complains: " + complaint + (kind == 'F' ? "; " + text : "");
		kind = 'F';
	}
	std::printf("%sok %d - %s (%s): %s%s [%ld ms]\n", kind == 'F' ? "not " : "", number, c.name,
		    c.numbers, kind == 'S' ? "# SKIP " : "", text.c_str(), watch.ms());
	std::fflush(stdout);
	return kind != 'F';
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	send_flags = 0;
	calls_are_watched = false; /* each case is a process with a deadline */
	std::vector<std::string> words{args.command()}, without;
	if (words[0] == "list") {
		args.finish();
		for (const auto &c : all_trials())
			std::printf("%s\t%s\t%s\n", c.name, c.numbers, c.what);
		return 0;
	}
	trial_setup set;
	auto tcp = args.address("--tcp"), far = args.address("--far"),
	     rdma = args.address("--rdma");
	set.count = args.number("--count", 0);
	set.scale = static_cast<unsigned>(args.number("--scale", 1, 100));
	while (auto name = args.find("--skip"))
		without.push_back(*name);
	while (auto name = args.next())
		words.push_back(*name);
	args.finish();
	if (!tcp || !far || tcp->family() != AF_INET || far->family() != AF_INET)
		args.fail("--tcp and --far are needed, of IPv4");
	set.tcp = *tcp;
	set.far = *far;
	set.rdma = rdma.value_or(*tcp);

	int number = 0, failed = 0;
	for (const auto &c : chosen(args, words, without))
		failed += !run(c, set, ++number);
	std::printf("1..%d\n", number);
	return failed ? 1 : 0;
}
