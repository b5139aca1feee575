// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ib_recv: what comes over InfiniBand, good and bad. Bodies: ib_recv_test.cc. */
#include "suite.h"

#define IB_RECV_CASES(x)                                                                           \
	x(recv__sizes) x(recv__largest) x(recv__what_is_copied) x(recv__solicited) x(              \
		recv__no_checksum) x(recv__ack_between_parts) x(recv__bad_checksum)                \
		x(recv__less_than_a_header) x(recv__bad_lengths) x(recv__wrong_part) x(            \
			recv__unexpected_completion) x(recv__nothing_after_an_error)               \
			x(recv__half_a_message) x(recv__whole_before_the_end) x(                   \
				recv__before_it_stands) x(recv__never_stood)                       \
				x(recv__no_memory_for_messages) x(recv__no_memory_for_buffers) x(  \
					recv__no_address_for_buffers) x(recv__allocation_limit)    \
					x(recv__ends_without_memory) x(recv__post_fails) x(        \
						recv__map) x(recv__map_of_wrong_size)              \
						x(recv__map_without_memory) x(recv__ping) x(       \
							recv__no_ack) x(recv__twice)               \
							x(recv__read_late) x(recv__unsolicited)    \
								x(recv__ring_of_one)

RDS_KUNIT_SUITE(rds_ib_recv, IB_RECV_CASES);
