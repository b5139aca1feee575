// SPDX-License-Identifier: GPL-2.0
/* Seam: time, chance, identity, modules, log, counters per CPU. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/ratelimit.h>
#include <linux/timekeeping.h>
#include <linux/uidgid.h>

#include "kernel/seam.h"

unsigned long kernel_ticks(void)
{
	return jiffies;
}

unsigned long kernel_ms_to_ticks(unsigned int ms)
{
	return msecs_to_jiffies(ms);
}

u64 kernel_wall_ns(void)
{
	return ktime_get_real_ns();
}

u64 kernel_clock_ns(void)
{
	return ktime_get_ns();
}

u32 kernel_random(void)
{
	return get_random_u32();
}

u32 kernel_random_below(u32 ceiling)
{
	return ceiling ? get_random_u32() % ceiling : 0;
}

u32 kernel_hash(const u32 *words, unsigned int nr, u32 seed)
{
	return jhash2(words, nr, seed);
}

u32 kernel_uid(void)
{
	return from_kuid_munged(&init_user_ns, current_uid());
}

bool kernel_capable_net_admin(void)
{
	return capable(CAP_NET_ADMIN);
}

int kernel_load_module(const char *name)
{
	return request_module("%s", name);
}

bool kernel_module_get(struct module *owner)
{
	return try_module_get(owner);
}

void kernel_module_put(struct module *owner)
{
	module_put(owner);
}

void kernel_log(const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 5);
	struct va_format vaf = {.fmt = fmt};
	va_list args;

	if (!__ratelimit(&limit))
		return;
	va_start(args, fmt);
	vaf.va = &args;
	pr_notice("RDS: %pV\n", &vaf);
	va_end(args);
}

void kernel_log_info(const char *fmt, ...)
{
	struct va_format vaf = {.fmt = fmt};
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	pr_info("%pV\n", &vaf);
	va_end(args);
}

void kernel_log_often(const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 10);
	struct va_format vaf = {.fmt = fmt};
	va_list args;

	if (!__ratelimit(&limit))
		return;
	va_start(args, fmt);
	vaf.va = &args;
	pr_info("%pV\n", &vaf);
	va_end(args);
}

u64 *kernel_stats_alloc(unsigned int nr)
{
	return (u64 __force *)__alloc_percpu(nr * sizeof(u64), sizeof(u64));
}

void kernel_stats_free(u64 *stats)
{
	free_percpu((u64 __percpu __force *)stats);
}

void kernel_stats_add(u64 *stats, unsigned int which, u64 n)
{
	u64 __percpu *p = (u64 __percpu __force *)stats;

	this_cpu_add(p[which], n);
}

/* All possible CPUs: a CPU that went offline keeps its share. */
u64 kernel_stats_sum(u64 *stats, unsigned int which)
{
	u64 __percpu *p = (u64 __percpu __force *)stats;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) sum += *per_cpu_ptr(&p[which], cpu);
	return sum;
}
