// SPDX-License-Identifier: GPL-2.0
/* Suite rds_retrans: what becomes of messages by a drop, an ack, a cancel. Bodies: retrans_test.cc. */
#include "suite.h"

#define RETRANS_CASES(x)                                                                           \
	x(drop__unacked_go_again_first) x(drop__ack_numbers_are_forgotten)                         \
		x(drop__partial_message_starts_anew) x(drop__at_each_step)                         \
			x(ack__stops_at_the_first_unacked) x(ack__by_the_transports_compare)       \
				x(ack__wakes_a_sender_without_room) x(cancel__queued)              \
					x(cancel__in_transmission) x(cancel__sent_or_acked)        \
						x(cancel__others_stay)                             \
							x(close__with_messages_everywhere)         \
								x(close__races_with_acks)

RDS_KUNIT_SUITE(rds_retrans, RETRANS_CASES);
