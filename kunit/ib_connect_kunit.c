// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ib_connect: making and losing connections over InfiniBand. Bodies: ib_connect_test.cc. */
#include "suite.h"

#define IB_CONNECT_CASES(x)                                                                                                                                        \
	x(connect__active_v4) x(connect__active_v6) x(connect__passive_v4) x(connect__passive_v6) x(                                                               \
		connect__depths_fit_a_byte) x(connect__credits_offered) x(connect__no_credits_unless_both)                                                         \
		x(connect__credits_wanted_later) x(connect__versions_accepted) x(connect__versions_answered) x(                                                    \
			connect__answer_without_data) x(connect__stranger_without_data) x(connect__stranger_who_lies)                                              \
			x(connect__stranger_for_another_host) x(connect__stranger_of_the_other_family) x(                                                          \
				connect__events_of_nobody) x(connect__events_while_it_ends) x(connect__stranger_with_too_little)                                   \
				x(connect__refused_and_again) x(connect__backs_off) x(connect__lost_while_up) x(                                                   \
					connect__lost_on_the_way) x(connect__other_events_mean_nothing) x(connect__no_device_at_that_address)                      \
					x(connect__asked_while_up) x(connect__crossed_peer_larger) x(                                                              \
						connect__a_request_does_not_wait_for_a_delay) x(connect__crossed_we_larger)                                        \
						x(connect__asked_by_oneself_too_early) x(                                                                          \
							connect__asked_again_while_accepting) x(connect__one_request_waits)                                        \
							x(connect__waiting_peer_gives_up) x(                                                                       \
								connect__asked_while_it_ends) x(connect__destroyed_with_a_waiting_request)                         \
								x(connect__each_step_fails_once) x(                                                                \
									connect__no_queues_for_long) x(connect__accepting_without_memory)                          \
									x(connect__start_fails) x(                                                                 \
										connect__addresses) x(connect__device_too_small)                                   \
										x(connect__device_goes) x(                                                         \
											connect__other_device_goes) x(connect__device_goes_with_a_waiting_request) \
											x(connect__rings) x(                                                       \
												connect__retry_count_fits)                                         \
												x(connect__info)                                                   \
													x(connect__info_meanwhile)

RDS_KUNIT_SUITE(rds_ib_connect, IB_CONNECT_CASES);
