// SPDX-License-Identifier: GPL-2.0
/*
 * rds-bench: what RDS costs and takes, beside TCP, UDP, AF_UNIX and plain verbs, in ns of the guest, which under QEMU's
 * -icount are its instructions, and in bytes. Run by tests/vm/bench.sh for scripts/bench, which makes tables of the
 * results: a line of JSON each. The hosts a and b are namespaces.
 */
#include "arguments.h"
#include "bench_failover.h"
#include "bench_many.h"
#include "bench_memory.h"
#include "bench_setup.h"
#include "bench_verbs.h"

namespace {

constexpr char usage[] =
	"usage: rds-bench traffic [--over CARRIER] [--path PATH] [--pattern PATTERN] [--size N]\n"
	"       rds-bench connect [--over CARRIER] [--downhill] [--count N]\n"
	"       rds-bench ping [--count N]\n"
	"       rds-bench memory [--over CARRIER] [--peers N] [--sockets N]\n"
	"       rds-bench many [--over CARRIER] [--size N] [--poll]\n"
	"       rds-bench failover [--peers N] [--cuts N]\n"
	"  --over CARRIER  rds, tcp, udp or unix (rds); traffic of --path ib: or verbs\n"
	"  --path PATH     loop (in one host), net (between two: default) or ib (10.60.0.1 to .2)\n"
	"  --pattern P     pp (round trip: default), bwN (one way, N pairs)\n"
	"  --size N        bytes in each message (64; many: 4096)\n"
	"  --downhill      the sender's address is the larger one\n"
	"  --count N       new peers, or pings (20)\n"
	"  --peers N       (100)\n"
	"  --sockets N     from each of which each peer gets a message (1)\n"
	"  --poll          senders do not wait in sendto but in poll\n"
	"  --cuts N        how often all connections are cut (5)\n"
	"  --nth N         which pair of addresses, the first of those it uses (0)\n"
	"  --budget NS     guest time of a round (40000000; one way 60000000)\n"
	"  --rounds N      at most (8); it ends when their mean is known within a percent\n"
	"exit:  1 when messages were lost\n";

carrier carrier_named(const std::string &name, const arguments &args)
{
	if (name == "rds")
		return carrier::rds;
	if (name == "tcp")
		return carrier::tcp;
	if (name == "udp")
		return carrier::udp;
	if (name == "unix")
		return carrier::local;
	args.fail("no such carrier: " + name);
}

carrier carrier_of(arguments &args)
{
	return carrier_named(args.text("--over", "rds"), args);
}

unsigned small_number(arguments &args, const std::string &name, unsigned otherwise, unsigned max)
{
	return static_cast<unsigned>(args.number(name, otherwise, max));
}

unsigned nth_of(arguments &args)
{
	return small_number(args, "--nth", 0, 60000);
}

effort effort_of(arguments &args, std::uint64_t budget)
{
	effort e;
	e.budget_ns = args.number("--budget", budget);
	e.rounds = small_number(args, "--rounds", e.rounds, 100);
	args.finish();
	return e;
}

std::string list(const std::vector<double> &numbers)
{
	std::string text;
	char one[40];
	for (double n : numbers) {
		std::snprintf(one, sizeof(one), "%s%.1f", text.empty() ? "" : ", ", n);
		text += one;
	}
	return "[" + text + "]";
}

/* @more: further members. The value must be the last of those that can fail to be a number. */
int show(double value, double spread, bool complete, const std::string &more)
{
	std::printf("bench {\"value\": %.1f, \"spread\": %.4f, \"complete\": %s%s}\n", value,
		    spread, complete ? "true" : "false", more.c_str());
	return complete ? 0 : 1;
}

int show(const measured &m)
{
	return show(m.value(), m.spread(), m.complete,
		    ", \"messages\": " + std::to_string(m.messages) +
			    ", \"rounds\": " + list(m.rounds));
}

/* What stands for one sample is @percent of them; they differ by as much as the middle half of them does. */
int show(const samples &s, unsigned percent, std::string more = "")
{
	double middle = samples::part(s.ns, 50);
	double spread = middle ? (samples::part(s.ns, 75) - samples::part(s.ns, 25)) / middle : 1;
	more += ", \"lost\": " + std::to_string(s.lost);
	for (unsigned p : {10u, 50u, 90u, 100u})
		more += ", \"p" + std::to_string(p) +
			"\": " + std::to_string(static_cast<std::uint64_t>(samples::part(s.ns, p)));
	more += ", \"samples\": " + list(s.ns);
	return show(samples::part(s.ns, percent), spread, !s.lost && !s.ns.empty(), more);
}

int traffic(arguments &args)
{
	traffic_plan plan;
	std::string over = args.text("--over", "rds");
	bool verbs = over == "verbs";
	if (!verbs)
		plan.over = carrier_named(over, args);
	std::string path = args.text("--path", "net");
	plan.loop = path == "loop";
	plan.rdma = path == "ib";
	if (verbs && !plan.rdma)
		args.fail("verbs have no other path than ib");
	std::string pattern = args.text("--pattern", "pp");
	plan.round_trip = pattern == "pp";
	if (!plan.round_trip && !pattern.starts_with("bw"))
		args.fail("no such pattern: " + pattern);
	if (!plan.round_trip)
		plan.pairs = static_cast<unsigned>(std::atoi(pattern.c_str() + 2));
	if (!plan.pairs || plan.pairs > 64)
		args.fail("1 to 64 pairs");
	plan.size = args.number("--size", 64, max_message);
	plan.nth = nth_of(args);
	/* who runs when, and for how long, takes more messages to even out */
	effort e = effort_of(args, plan.round_trip ? 40000000 : 60000000);
	return show(verbs ? measure_verbs(plan, e) : measure_traffic(plan, e));
}

int connect(arguments &args)
{
	carrier over = carrier_of(args);
	bool downhill = args.flag("--downhill");
	unsigned nth = nth_of(args), count = small_number(args, "--count", 20, 1000);
	args.finish();
	samples s = measure_setup(over, downhill, nth, count);
	auto connected = static_cast<std::uint64_t>(samples::part(s.connect_ns, 50));
	return show(s, 50, connected ? ", \"connect\": " + std::to_string(connected) : "");
}

int ping(arguments &args)
{
	unsigned nth = nth_of(args);
	unsigned count = small_number(args, "--count", 20, 1000);
	args.finish();
	samples data, pings = measure_pings(nth, count, data);
	return show(pings, 50,
		    ", \"data\": " +
			    std::to_string(static_cast<std::uint64_t>(samples::part(data.ns, 50))));
}

int memory_of(arguments &args)
{
	memory_plan plan;
	plan.over = carrier_of(args);
	plan.peers = small_number(args, "--peers", plan.peers, 10000);
	plan.sockets = small_number(args, "--sockets", plan.sockets, 1000);
	plan.nth = nth_of(args);
	args.finish();
	memory_cost cost = memory_bench(plan).run();
	char more[200];
	std::snprintf(more, sizeof(more),
		      ", \"slab_pair\": %.0f, \"used_pair\": %.0f, \"slab_socket\": %.0f, "
		      "\"used_socket\": %.0f",
		      cost.slab_pair, cost.used_pair, cost.slab_socket, cost.used_socket);
	return show(cost.slab_pair, 0, cost.complete, more);
}

int many(arguments &args)
{
	many_plan plan;
	plan.over = carrier_of(args);
	plan.size = args.number("--size", plan.size, max_message);
	plan.polling = args.flag("--poll");
	plan.nth = nth_of(args);
	return show(measure_many(plan, effort_of(args, 100000000)));
}

int failover(arguments &args)
{
	failover_plan plan;
	plan.peers = small_number(args, "--peers", plan.peers, 1000);
	plan.cuts = small_number(args, "--cuts", plan.cuts, 1000);
	plan.nth = nth_of(args);
	args.finish();
	unsigned streams = 0;
	samples s = failover_bench(plan).run(streams);
	return show(s, 100, ", \"streams\": " + std::to_string(streams));
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	std::string what = args.command();
	if (what == "traffic")
		return traffic(args);
	if (what == "connect")
		return connect(args);
	if (what == "ping")
		return ping(args);
	if (what == "memory")
		return memory_of(args);
	if (what == "many")
		return many(args);
	if (what == "failover")
		return failover(args);
	args.fail("what is " + what + "?");
}
