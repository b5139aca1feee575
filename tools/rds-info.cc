// SPDX-License-Identifier: GPL-2.0
/*
 * rds-info: prints what the RDS_INFO_* socket options tell, as tables that scripts know or as JSON,
 * once or again and again (--watch). Needs no privilege and no bound socket. Single-threaded.
 *
 * Exit status: 0, also when the kernel lacks a list or the watch is interrupted; 1 for a bad
 * command line or without RDS.
 */
#include <signal.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "info_format.h"
#include "info_json.h"
#include "info_reader.h"
#include "info_watch.h"
#include "interval.h"
#include "proc_number.h"
#include "unique_fd.h"
#include "usage.h"

using namespace rds_tools;
using steady = std::chrono::steady_clock;

namespace {

constexpr std::size_t list_count = info_lists.size();
/* A list that the kernel lacks, as without the transport that has it, is not there. */
using snapshots = std::array<std::optional<snapshot>, list_count>;

struct options {
	std::array<bool, list_count> wanted{};
	bool all = false; /* nobody asked for a list by name */
	bool verbose = false, ipv6 = false, as_json = false;
	std::optional<std::chrono::nanoseconds> watch;
	std::uint64_t count = 0; /* 0: endless */

	ip family() const { return ipv6 ? ip::v6 : ip::v4; }
};

constexpr std::array<const char *, list_count> help_texts{
	"RDMA connections", "TCP sockets of RDS", "counters",	 "bound sockets",
	"connections",	    "receive queues",	  "send queues", "retransmit queues",
};

void complain(const info_list &list, const char *why)
{
	std::fprintf(stderr, "rds-info: cannot read the list \"%.*s\": %s\n",
		     static_cast<int>(std::string(list.title).size() - 1), list.title, why);
}

void print(const std::string &text)
{
	std::fputs(text.c_str(), stdout);
	if (std::fflush(stdout) || std::ferror(stdout))
		throw std::runtime_error("cannot write the output");
}

class reader {
public:
	explicit reader(const options &opt)
	    : opt_(opt), level_(rds_level()), socket_(open_rds_socket())
	{}

	snapshots read()
	{
		snapshots out;
		for (std::size_t i = 0; i < list_count; i++)
			if (opt_.wanted[i])
				out[i] = read_one(i);
		return out;
	}

private:
	/*
	 * It is usual that a transport is not loaded: no news for somebody who asked for whatever
	 * there is. Said once, however often the list is read.
	 */
	std::optional<snapshot> read_one(std::size_t i)
	{
		const info_list &list = info_lists[i];
		try {
			return read_info(socket_.get(), level_,
					 opt_.ipv6 ? list.option6 : list.option4);
		} catch (const std::system_error &e) {
			int err = e.code().value();
			if (!said_[i] && !(opt_.all && err == ENOPROTOOPT))
				complain(list, std::strerror(err));
			said_[i] = true;
			return std::nullopt;
		}
	}

	const options &opt_;
	int level_;
	unique_fd socket_;
	std::array<bool, list_count> said_{};
};

json whole_as_json(const options &opt, const snapshots &lists)
{
	json object = json::object();

	for (std::size_t i = 0; i < list_count; i++)
		if (opt.wanted[i])
			object[info_lists[i].key] = lists[i] ? json_list(info_lists[i], *lists[i],
									 opt.family())
							     : json();
	return object;
}

std::string whole_as_text(const options &opt, const snapshots &lists)
{
	std::string out;

	for (std::size_t i = 0; i < list_count; i++)
		if (lists[i])
			out += format_list(info_lists[i], *lists[i], opt.family(), opt.verbose);
	return out;
}

std::string clock_text(const char *format)
{
	std::time_t now = std::time(nullptr);
	std::tm local{};
	char text[64];

	::localtime_r(&now, &local);
	return std::string(text, std::strftime(text, sizeof(text), format, &local));
}

double seconds_of(steady::duration time)
{
	return std::chrono::duration<double>(time).count();
}

/* A list that came or went with its module is one that was or is empty. */
json changes_as_json(const options &opt, const snapshots &before, const snapshots &after,
		     steady::duration elapsed)
{
	json object{{"time", clock_text("%Y-%m-%dT%H:%M:%S%z")}, {"seconds", seconds_of(elapsed)}};

	for (std::size_t i = 0; i < list_count; i++) {
		if (!opt.wanted[i])
			continue;
		auto &place = object[info_lists[i].key];
		if (before[i] || after[i])
			place = json_changes(info_lists[i], before[i].value_or(snapshot()),
					     after[i].value_or(snapshot()), opt.family());
	}
	return object;
}

std::string changes_as_text(const options &opt, const snapshots &before, const snapshots &after,
			    steady::duration elapsed)
{
	std::string lists;

	for (std::size_t i = 0; i < list_count; i++)
		if (before[i] || after[i])
			lists += format_changes(info_lists[i], before[i].value_or(snapshot()),
						after[i].value_or(snapshot()), opt.family(),
						opt.verbose);
	return text_of("\n=== %s, after %.3f s%s\n", clock_text("%T").c_str(), seconds_of(elapsed),
		       lists.empty() ? ": no change" : "") +
	       lists;
}

/* The signals that end a watch are blocked: true when one came before the time was over. */
bool interrupted_before(steady::time_point end, const sigset_t &signals)
{
	for (;;) {
		auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(end -
										 steady::now());
		if (left.count() < 0)
			left = left.zero();
		auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
		timespec wait{seconds.count(), (left - seconds).count()};
		if (::sigtimedwait(&signals, nullptr, &wait) > 0)
			return true;
		if (errno == EAGAIN)
			return false;
	}
}

void watch(const options &opt, reader &source)
{
	sigset_t signals;
	::sigemptyset(&signals);
	::sigaddset(&signals, SIGINT);
	::sigaddset(&signals, SIGTERM);
	::sigprocmask(SIG_BLOCK, &signals, nullptr);

	auto before = source.read();
	auto before_at = steady::now(), next = before_at;
	print(opt.as_json ? json_line(whole_as_json(opt, before)) : whole_as_text(opt, before));

	for (std::uint64_t round = 0; !opt.count || round < opt.count; round++) {
		next = std::max(next + *opt.watch, steady::now());
		if (interrupted_before(next, signals))
			return;
		auto now = source.read();
		auto now_at = steady::now();
		print(opt.as_json ? json_line(changes_as_json(opt, before, now, now_at - before_at))
				  : changes_as_text(opt, before, now, now_at - before_at));
		before = std::move(now);
		before_at = now_at;
	}
}

void run(const options &opt)
{
	reader source(opt);

	if (opt.watch) {
		watch(opt, source);
		return;
	}
	auto lists = source.read();
	print(opt.as_json ? json_text(whole_as_json(opt, lists)) : whole_as_text(opt, lists));
}

} // namespace

int main(int argc, char **argv)
{
	options opt;
	std::string interval, count = "0";
	CLI::App app{"Shows the state of Reliable Datagram Sockets. Without a list: all of them.",
		     "rds-info"};

	for (std::size_t i = 0; i < list_count; i++)
		app.add_flag(std::string("-") + info_lists[i].letter, opt.wanted[i], help_texts[i]);
	app.add_flag("-v", opt.verbose, "more about RDMA connections");
	app.add_flag("--ipv6", opt.ipv6,
		     "read the lists that hold IPv6 too (IPv4 as ::ffff:a.b.c.d)");
	app.add_flag("--json", opt.as_json,
		     "print one JSON object; null for a list the kernel lacks");
	auto *watch_option = app.add_option("--watch", interval,
					    "then print what has changed, each second or "
					    "each T (seconds, or with suffix ms or us)")
				     ->type_name("[T]")
				     ->expected(0, 1)
				     ->check(check_interval);
	app.add_option("--count", count, "stop the watch after N times")
		->type_name("N")
		->needs(watch_option)
		->check(check_number(std::numeric_limits<std::uint64_t>::max()));
	if (auto status = parse_or_usage(app, argc, argv))
		return *status;

	opt.all = std::none_of(opt.wanted.begin(), opt.wanted.end(), [](bool on) { return on; });
	if (opt.all)
		opt.wanted.fill(true);
	opt.count = *parse_count(count, std::numeric_limits<std::uint64_t>::max());
	if (watch_option->count())
		opt.watch = parse_interval(interval.empty() ? "1" : interval);

	try {
		run(opt);
		return 0;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "rds-info: %s\n", e.what());
		return 1;
	}
}
