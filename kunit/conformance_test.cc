// SPDX-License-Identifier: GPL-2.0
/* Which transports the conformance bodies are run for. Process context. */
#include "transport_conformance.h"

/* Joined by a cable, while the suite of TCP runs; else null. conformance_kunit.c has them. */
extern "C" struct net *conformance_nets[2];

namespace {

constexpr unsigned int other_type = 1;

void run(kunit *test, unsigned int type, void (*body)(conforming &))
{
	conforming c(test, type);
	if (c)
		body(c);
}

/* TCP refuses to talk to itself: two namespaces. Which address is the larger decides who connects. */
void run_tcp(kunit *test, void (*body)(conforming &), bool from_larger)
{
	if (!conformance_nets[0]) {
		bench_skip(test, "no namespaces to be had: run by scripts/run-kunit -f ip?");
		return;
	}
	conforming_end a{conformance_nets[0], 0x0a610001}, b{conformance_nets[1], 0x0a610002};
	conforming c(test, RDS_TRANS_TCP, from_larger ? b : a, from_larger ? a : b);
	if (c)
		body(c);
}

/* Partial sends of an odd size come free with the fake one. */
void run_fake(kunit *test, void (*body)(conforming &))
{
	SCENARIO(s);
	s->most = 3001;
	run(test, fake_type, body);
}

} // namespace

#define CONFORMANCE(name)                                                                          \
	TEST_CASE(fake__##name)                                                                    \
	{                                                                                          \
		run_fake(test, conform_##name);                                                    \
	}                                                                                          \
	TEST_CASE(loop__##name)                                                                    \
	{                                                                                          \
		run(test, RDS_TRANS_LOOP, conform_##name);                                         \
	}                                                                                          \
	TEST_CASE(small__##name)                                                                   \
	{                                                                                          \
		run_tcp(test, conform_##name, false);                                              \
	}                                                                                          \
	TEST_CASE(large__##name)                                                                   \
	{                                                                                          \
		run_tcp(test, conform_##name, true);                                               \
	}                                                                                          \
	TEST_CASE(other__##name)                                                                   \
	{                                                                                          \
		run(test, other_type, conform_##name);                                             \
	}

CONFORMANCE(sizes_in_order)
CONFORMANCE(both_ways)
CONFORMANCE(many_senders)
CONFORMANCE(drop_in_the_middle)
CONFORMANCE(shutdown_idempotent)
CONFORMANCE(ping)
CONFORMANCE(congestion)
CONFORMANCE(references)
CONFORMANCE(collected_and_again)
