// SPDX-License-Identifier: GPL-2.0
/*
 * The table of RDS_INFO_* functions, and snapshots by them. Readers hold its rwsem while a
 * function runs, so a transport that deregisters knows that none of its code runs any more.
 */
#include <linux/errno.h>

#include "rds.h"

namespace {

constexpr int first = RDS_INFO_FIRST;
constexpr int last = RDS_INFO_LAST;

alignas(kernel::rwsem) constinit unsigned char lock_room[sizeof(kernel::rwsem)] = {};
constinit rds_info_func funcs[last - first + 1] = {};

kernel::rwsem &table_lock()
{
	return *reinterpret_cast<kernel::rwsem *>(lock_room);
}

bool known(int optname)
{
	return optname >= first && optname <= last;
}

} // namespace

int rds_info_init(void)
{
	new (lock_room) kernel::rwsem(KERNEL_RWSEM_INFO);
	return 0;
}

void rds_info_exit(void)
{
	for (auto &f : funcs)
		f = nullptr;
}

int rds_info_register_func(int optname, rds_info_func func, struct module *)
{
	if (!known(optname))
		return -EINVAL;
	kernel::guard hold(table_lock());
	if (funcs[optname - first])
		return -EEXIST;
	funcs[optname - first] = func;
	return 0;
}

void rds_info_deregister_func(int optname, rds_info_func func)
{
	kernel::guard hold(table_lock());
	if (known(optname) && funcs[optname - first] == func)
		funcs[optname - first] = nullptr;
}

void rds_info_copy(rds_info_iterator *iter, const void *data, unsigned long len)
{
	if (iter->buf && iter->used + len <= iter->room)
		__builtin_memcpy(iter->buf + iter->used, data, len);
	iter->used += len;
}

int rds_info_snapshot(struct net *net, int optname, u8 *buf, u64 room, u64 *needed)
{
	kernel::shared_guard hold(table_lock());
	if (!known(optname) || !funcs[optname - first])
		return -ENOPROTOOPT;
	rds_info_iterator iter{buf, room, 0};
	unsigned int each = 0;
	funcs[optname - first](net, &iter, &each);
	*needed = iter.used;
	return static_cast<int>(each);
}
