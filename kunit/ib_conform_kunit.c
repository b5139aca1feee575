// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ib_conform: transport_conformance.h over InfiniBand. Bodies: ib_conform_test.cc. */
#include "suite.h"

#define IB_CONFORM_CASES(x)                                                                           \
	x(ib__sizes_in_order) x(ib_flow__sizes_in_order) x(ib_small__sizes_in_order) x(               \
		ib__both_ways) x(ib_flow__both_ways) x(ib_small__both_ways) x(ib__many_senders)       \
		x(ib_flow__many_senders) x(ib_small__many_senders) x(ib__drop_in_the_middle) x(       \
			ib_flow__drop_in_the_middle) x(ib_small__drop_in_the_middle)                  \
			x(ib__shutdown_idempotent) x(ib_flow__shutdown_idempotent) x(                 \
				ib_small__shutdown_idempotent) x(ib__ping) x(ib_flow__ping)           \
				x(ib_small__ping) x(ib__congestion) x(ib_flow__congestion) x(         \
					ib_small__congestion) x(ib__references)                       \
					x(ib_flow__references) x(ib_small__references) x(             \
						ib__collected_and_again)                              \
						x(ib_flow__collected_and_again) x(                    \
							ib_small__collected_and_again)                \
							x(ib_pair__both_ask) x(ib_pair__to_itself) x( \
								ib_pair__device_goes)                 \
								x(ib_pair__destroyed_while_asked)

RDS_KUNIT_SUITE(rds_ib_conform, IB_CONFORM_CASES);
