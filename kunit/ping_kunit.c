// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ping: the kernels' own messages, ports 0 and 1. Bodies: ping_test.cc. */
#include "suite.h"

#define PING_CASES(x)                                                                              \
	x(ping__answered_from_port_zero) x(ping__to_a_socket) x(ping__source_port_zero_is_silence) \
		x(ping__switched_off) x(ping__flood_is_bounded) x(ping__congested_source)          \
			x(pong__with_payload_is_dropped) x(probe__answered_with_eight_lanes)       \
				x(probe__plain_pong_without_lanes) x(probe__sent_once)             \
					x(generation__change_resets_the_receiver)                  \
						x(own__messages_survive_a_drop)

RDS_KUNIT_SUITE(rds_ping, PING_CASES);
