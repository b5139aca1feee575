// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ib_rdma: RDMA and atomic operations over InfiniBand. Bodies: ib_rdma_test.cc. */
#include "suite.h"

#define IB_RDMA_CASES(x)                                                                           \
	x(rdma__work_requests) x(rdma__fence) x(rdma__joined_entries) x(rdma__many_in_a_row)       \
		x(rdma__without_a_message) x(rdma__statuses) x(rdma__flushed) x(rdma__cancelled)   \
			x(rdma__larger_than_the_ring) x(rdma__no_address) x(rdma__post_refused) x( \
				rdma__post_fails_half_way) x(rdma__no_reads)                       \
				x(rdma__peer_answers_no_reads) x(rdma__atomic_operands) x(         \
					rdma__atomics_not_possible) x(rdma__atomic_statuses)       \
					x(rdma__both_kinds) x(rdma__both_kinds_second_refused) x(  \
						rdma__write_and_read) x(rdma__out_of_reach)        \
						x(rdma__atomics_between_two) x(rdma__on_demand)    \
							x(rdma__on_demand_of_another_device)

RDS_KUNIT_SUITE(rds_ib_rdma, IB_RDMA_CASES);
