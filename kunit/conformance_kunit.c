// SPDX-License-Identifier: GPL-2.0
/*
 * Suites rds_conform_*: transport_conformance.cc, run for the fake transport, for rds_loop.ko, for
 * rds_tcp.ko between two namespaces (the smaller address sends, or the larger one), and for whatever
 * else is registered in slot 1. On 6.1 suites run before module parameters are known: being loaded
 * is how a transport asks for it.
 */
#include "bench.h"
#include "suite.h"

#define FAKE_CASES(x)                                                                              \
	x(fake__sizes_in_order) x(fake__both_ways) x(fake__many_senders)                           \
		x(fake__drop_in_the_middle) x(fake__shutdown_idempotent) x(fake__ping)             \
			x(fake__congestion) x(fake__references) x(fake__collected_and_again)

#define LOOP_CASES(x)                                                                              \
	x(loop__sizes_in_order) x(loop__both_ways) x(loop__many_senders)                           \
		x(loop__drop_in_the_middle) x(loop__shutdown_idempotent) x(loop__ping)             \
			x(loop__congestion) x(loop__references) x(loop__collected_and_again)

#define TCP_CASES(x)                                                                               \
	x(small__sizes_in_order) x(small__both_ways) x(small__many_senders)                        \
		x(small__drop_in_the_middle) x(small__shutdown_idempotent) x(small__ping)          \
			x(small__congestion) x(small__references) x(small__collected_and_again)    \
				x(large__sizes_in_order) x(large__both_ways)                       \
					x(large__many_senders) x(large__drop_in_the_middle)        \
						x(large__shutdown_idempotent) x(large__ping)       \
							x(large__congestion) x(large__references)  \
								x(large__collected_and_again)

#define OTHER_CASES(x)                                                                             \
	x(other__sizes_in_order) x(other__both_ways) x(other__many_senders)                        \
		x(other__drop_in_the_middle) x(other__shutdown_idempotent) x(other__ping)          \
			x(other__congestion) x(other__references) x(other__collected_and_again)

struct net *conformance_nets[2];

/* Once for all cases: on a debug kernel it takes longer than most of them. */
static int plug(struct kunit_suite *suite)
{
	if (bench_cable_make(conformance_nets))
		conformance_nets[0] = NULL; /* the cases say so */
	return 0;
}

static void unplug(struct kunit_suite *suite)
{
	if (conformance_nets[0])
		WARN(!bench_cable_put(conformance_nets), "a namespace did not end");
}

RDS_KUNIT_SUITE(rds_conform_fake, FAKE_CASES);
RDS_KUNIT_SUITE(rds_conform_loop, LOOP_CASES);
RDS_KUNIT_SUITE_WITH(rds_conform_tcp, TCP_CASES, plug, unplug);
RDS_KUNIT_SUITE(rds_conform_other, OTHER_CASES);
