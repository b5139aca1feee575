// SPDX-License-Identifier: GPL-2.0
/*
 * rds-fuzz: threads that call whatever an AF_RDS socket has, with arguments good and bad, on sockets
 * that they share, while sockets, addresses and namespaces come and go. Everything that can be seen
 * to be wrong from user space fails the run; the rest is for KASAN, lockdep and kmemleak.
 * The calls are in fuzz_*.h; which kinds there are and what they may come to in fuzz_kinds.h.
 */
#include <sys/resource.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "arguments.h"
#include "fuzz_churn.h"
#include "fuzz_life.h"
#include "fuzz_options.h"
#include "fuzz_pressure.h"
#include "fuzz_receive.h"
#include "fuzz_send.h"
#include "fuzz_wait.h"
#include "tap.h"

namespace {

constexpr char usage[] =
	"usage: rds-fuzz [options]      as root: it makes network namespaces\n"
	"  --seed N       which calls are made (1); their interleaving is different each time\n"
	"  --seeds FILE   a seed at the begin of each line: one run for each; then --seed's, if given\n"
	"  --calls N      calls of each run (10000)\n"
	"  --seconds N    runs with further seeds until so much time is over\n"
	"  --threads N    threads that make them (4)\n"
	"  --net-churn    addresses, links and namespaces change meanwhile\n"
	"  --fault        allocations and copies fail (needs CONFIG_FAULT_INJECTION)\n"
	"  --user         as a user who is root in a user namespace only\n"
	"  --only LIST    steps, by name: fresh, bind, send, recvmsg ... (fuzz_worker.h)\n"
	"  --trace        write each call and its result to stderr\n"
	"exit:  0 if all went well, 1 if not\n";

/* Failing allocations: all kinds of them, and silent. */
void open_fault_knobs()
{
	auto set = [](const std::string &file, const char *value) {
		std::ofstream(("/sys/kernel/debug/" + file).c_str()) << value;
	};
	for (const char *kind : {"failslab", "fail_page_alloc", "fail_usercopy"}) {
		set(std::string(kind) + "/verbose", "0");
		set(std::string(kind) + "/ignore-gfp-wait", "N");
	}
	set("fail_page_alloc/min-order", "0");
	set("fail_page_alloc/ignore-gfp-highmem", "N");
}

/* A counter of /proc/vmstat. */
std::uint64_t vmstat(const std::string &name)
{
	std::ifstream in("/proc/vmstat");
	std::string word;
	std::uint64_t value = 0;
	while (in >> word >> value)
		if (word == name)
			return value;
	return 0;
}

/* Pages may be pinned as long as a message waits, but not when all sockets are gone. */
bool all_unpinned()
{
	for (int tries = 0; tries < 600; tries++) {
		if (vmstat("nr_foll_pin_acquired") == vmstat("nr_foll_pin_released"))
			return true;
		std::this_thread::sleep_for(std::chrono::milliseconds(100));
	}
	return false;
}

bool transport_there()
{
	rds_socket s;
	int tcp = RDS_TRANS_TCP;
	return !::setsockopt(s.fd(), SOL_RDS, SO_RDS_TRANSPORT, &tcp, sizeof(tcp));
}

void run(fuzz_world &world, fuzz_judge &judge, const fuzz_options &options)
{
	std::atomic<bool> over{false};
	std::jthread guard([&] { judge.keep_watch(over); });
	{
		std::vector<std::jthread> threads;
		for (std::size_t i = 0; i < options.threads; i++)
			threads.emplace_back(
				[&, i] { fuzz_worker(world, judge, options, i).run(); });
	}
	over = true;
}

std::vector<std::uint64_t> seeds_of(const std::string &file)
{
	std::vector<std::uint64_t> seeds;
	std::ifstream in(file);
	if (!in)
		die(file);
	for (std::string line; std::getline(in, line);) {
		std::istringstream words(line);
		std::uint64_t seed;
		if (words >> seed)
			seeds.push_back(seed);
	}
	return seeds;
}

/* A sleeper that is woken by the watchdog gets EINTR. */
void prepare_process()
{
	struct sigaction action {};
	action.sa_handler = [](int) {};
	::sigaction(SIGUSR1, &action, nullptr);
	action.sa_handler = SIG_IGN;
	::sigaction(SIGPIPE, &action, nullptr);
	rlimit files{4096, 4096};
	::setrlimit(RLIMIT_NOFILE, &files);
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	auto seed = args.find("--seed"), file = args.find("--seeds");
	std::vector<std::uint64_t> seeds = file ? seeds_of(*file) : std::vector<std::uint64_t>{};
	if (seed || seeds.empty()) {
		auto value = rds_tools::parse_count(seed.value_or("1"), ~0ull);
		if (!value)
			args.fail("--seed is not a number");
		seeds.push_back(*value);
	}
	fuzz_options options{};
	options.calls = args.number("--calls", 10000);
	options.threads = args.number("--threads", 4, 64);
	long seconds = static_cast<long>(args.number("--seconds", 0, 1 << 20));
	options.churn = args.flag("--net-churn");
	options.fault = args.flag("--fault");
	options.trace = args.flag("--trace");
	options.only = args.text("--only", "");
	bool user = args.flag("--user");
	args.finish();
	if (!options.threads)
		args.fail("--threads: at least 1");

	prepare_process();
	if (options.fault && !fault_order(::gettid()).available())
		args.fail("this kernel has no /proc/PID/task/TID/fail-nth");
	if (options.fault)
		open_fault_knobs();

	tap results(tap::form::protocol);
	fuzz_judge judge(options.threads);
	bool tcp = transport_there();
	long started = fuzz_now_ms();
	{
		fuzz_world world(user);
		world.furnish();
		for (std::size_t i = 0; i < seeds.size(); i++) {
			options.seed = seeds[i];
			std::uint64_t calls = judge.calls(), oddities = judge.oddities();
			run(world, judge, options);
			results.is("seed " + std::to_string(options.seed) + ": oddities in " +
					   std::to_string(judge.calls() - calls) + " calls",
				   0, static_cast<long>(judge.oddities() - oddities));
			if (i + 1 == seeds.size() && fuzz_now_ms() - started < 1000 * seconds)
				seeds.push_back(options.seed + 1);
		}
	}
	judge.print();
	std::printf("# %" PRIu64 " calls in %ld s\n", judge.calls(),
		    (fuzz_now_ms() - started) / 1000);
	std::vector<std::string> missing = judge.missing(tcp, options.churn);
	for (const std::string &what : missing)
		std::printf("# MISSING %s\n", what.c_str());
	if (options.only.empty())
		results.is("kinds of call that never came to what they can", 0,
			   static_cast<long>(missing.size()));
	results.ok("no page stays pinned", all_unpinned());
	return results.finish();
}
