// SPDX-License-Identifier: GPL-2.0
/* Suite rds_cong: congestion maps and who waits for them. Bodies: cong_test.cc. */
#include "suite.h"

#define CONG_CASES(x)                                                                              \
	x(receiver__sets_and_clears_its_port) x(receiver__closing_clears_its_port)                 \
		x(sender__enobufs_and_notification) x(sender__blocked_is_woken) x(                 \
			sender__blocked_is_woken_without_monitor) x(sender__blocked_times_out)     \
			x(sender__woken_when_the_peer_goes) x(map__first_of_a_connection) x(       \
				map__partial) x(map__change_during_transmission)                   \
				x(map__mark_survives_lack_of_memory) x(map__mark_survives_a_drop)  \
					x(received__wakes_exactly_or_all)                          \
						x(poll__tells_once_without_monitor)                \
							x(map__survives_the_loopback)

RDS_KUNIT_SUITE(rds_cong, CONG_CASES);
