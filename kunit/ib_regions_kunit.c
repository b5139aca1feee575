// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ib_regions: memory regions of InfiniBand devices. Bodies: ib_regions_test.cc. */
#include "suite.h"

#define IB_REGIONS_CASES(x)                                                                                 \
	x(regions__exact_range) x(regions__rights) x(regions__which_device) x(regions__sync) x(             \
		regions__freed_at_once) x(regions__freed_lazily) x(regions__freed_in_softirq)               \
		x(regions__flush) x(regions__flush_of_many) x(regions__flush_beside_what_is_held) x(        \
			regions__used_again) x(regions__limit) x(regions__limit_of_the_device)              \
			x(regions__cannot_be_made) x(regions__cannot_be_mapped) x(                          \
				regions__cannot_be_registered) x(regions__cannot_be_invalidated)            \
				x(regions__no_memory) x(regions__device_goes) x(                            \
					regions__freed_while_the_device_goes) x(regions__device_comes_back) \
					x(regions__device_goes_meanwhile) x(                                \
						regions__connection_goes) x(regions__on_demand)             \
						x(regions__on_demand_and_others) x(                         \
							regions__on_demand_refused)                         \
							x(regions__on_demand_beside_others) x(              \
								regions__on_demand_does_not_end)            \
								x(regions__on_demand_device_goes)           \
									x(regions__connection_flaps)

RDS_KUNIT_SUITE(rds_ib_regions, IB_REGIONS_CASES);
