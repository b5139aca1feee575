// SPDX-License-Identifier: GPL-2.0
/* Counters of all namespaces, per CPU, and how RDS_INFO_COUNTERS lists them. No locks. */
#include <linux/errno.h>

#include "rds.h"

constinit u64 *rds_stats = nullptr;

namespace {

constexpr const char *names[] = {
#define x(name) #name,
	RDS_STATS(x)
#undef x
#define x(reason, counter) #counter,
		RDS_DROPS_RECV(x) RDS_DROPS_SEND(x)
#undef x
};
static_assert(sizeof(names) / sizeof(names[0]) == RDS_STATS_NR);

/* A record of RDS_INFO_COUNTERS; info.md 4.1. */
struct counter {
	char name[32];
	u64 value;
};
static_assert(sizeof(counter) == 40);

void counters(struct net *, rds_info_iterator *iter, unsigned int *each)
{
	*each = sizeof(counter);
	u64 values[RDS_STATS_NR];
	for (unsigned int i = 0; i < RDS_STATS_NR; i++)
		values[i] = kernel_stats_sum(rds_stats, i);
	rds_stats_info_copy(iter, values, names, RDS_STATS_NR);
	u64 room = iter->room > iter->used ? iter->room - iter->used : 0;
	u64 avail = room / sizeof(counter);
	unsigned int nr = rds_trans_stats(iter, static_cast<unsigned int>(avail));
	/* a transport copies only when all of its counters fit, but always says how many */
	u64 all = (u64{RDS_STATS_NR} + nr) * sizeof(counter);
	if (iter->used < all)
		iter->used = all;
}

} // namespace

void rds_stats_info_copy(rds_info_iterator *iter, const u64 *values, const char *const *what,
			 unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		counter c{};
		for (unsigned int n = 0; what[i][n] && n < sizeof(c.name) - 1; n++)
			c.name[n] = what[i][n];
		c.value = values[i];
		rds_info_copy(iter, &c, sizeof(c));
	}
}

int rds_stats_init(void)
{
	rds_stats = kernel_stats_alloc(RDS_STATS_NR);
	return rds_stats ? 0 : -ENOMEM;
}

void rds_stats_exit(void)
{
	kernel_stats_free(rds_stats);
	rds_stats = nullptr;
}

int rds_stats_register(void)
{
	return rds_info_register_func(RDS_INFO_COUNTERS, counters, nullptr);
}

void rds_stats_deregister(void)
{
	rds_info_deregister_func(RDS_INFO_COUNTERS, counters);
}
