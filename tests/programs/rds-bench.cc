// SPDX-License-Identifier: GPL-2.0
/*
 * rds-bench: what a message costs, in ns of the guest, which under QEMU's -icount are its instructions. Run by
 * tests/vm/bench.sh for scripts/bench, which makes tables of the results: a line of JSON each. The hosts a and
 * b are namespaces.
 */
#include "arguments.h"
#include "bench_traffic.h"

namespace {

constexpr char usage[] =
	"usage: rds-bench traffic --over CARRIER --path PATH --pattern PATTERN [--size N]\n"
	"  --over CARRIER  rds, tcp, udp or unix\n"
	"  --path PATH     loop (in one host) or net (between two)\n"
	"  --pattern P     pp (round trip), bwN (one way, N pairs)\n"
	"  --size N        bytes in each message (64)\n"
	"  --nth N         which pair of addresses (0)\n"
	"  --budget NS     guest time of a round (40000000; one way 100000000)\n"
	"  --rounds N      at most (12); it ends when their mean is known within a percent\n"
	"exit:  1 when messages were lost or late\n";

carrier carrier_of(const arguments &args, const std::string &name)
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

int show(const measured &m)
{
	std::printf("bench {\"ns\": %.1f, \"spread\": %.4f, \"messages\": %llu, \"complete\": %s, "
		    "\"rounds\": [",
		    m.value(), m.spread(), static_cast<unsigned long long>(m.messages),
		    m.complete ? "true" : "false");
	for (std::size_t i = 0; i < m.rounds.size(); i++)
		std::printf("%s%.1f", i ? ", " : "", m.rounds[i]);
	std::puts("]}");
	return m.complete ? 0 : 1;
}

int traffic(arguments &args)
{
	traffic_plan plan;
	effort e;
	plan.over = carrier_of(args, args.text("--over", "rds"));
	plan.loop = args.text("--path", "net") == "loop";
	std::string pattern = args.text("--pattern", "pp");
	plan.round_trip = pattern == "pp";
	if (!plan.round_trip && !pattern.starts_with("bw"))
		args.fail("no such pattern: " + pattern);
	if (!plan.round_trip)
		plan.pairs = static_cast<unsigned>(std::atoi(pattern.c_str() + 2));
	plan.size = args.number("--size", 64, max_message);
	plan.nth = static_cast<unsigned>(args.number("--nth", 0, 50000));
	/* who runs when, and for how long, takes more messages to even out */
	e.budget_ns = args.number("--budget", plan.round_trip ? 40000000 : 100000000);
	e.rounds = static_cast<unsigned>(args.number("--rounds", e.rounds, 100));
	args.finish();
	if (!plan.pairs || plan.pairs > 64)
		args.fail("1 to 64 pairs");
	return show(measure_traffic(plan, e));
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	std::string what = args.command();
	if (what == "traffic")
		return traffic(args);
	args.fail("what is " + what + "?");
}
