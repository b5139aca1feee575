// SPDX-License-Identifier: GPL-2.0
/*
 * Seam: tables of objects by 32-bit key, for include/kernel/keys.h: an XArray whose lock is taken
 * with softirqs off. The caller counts references.
 */
#include <linux/xarray.h>

#include "kernel/seam.h"

void kernel_keys_init(void *keys)
{
	xa_init_flags(keys, XA_FLAGS_LOCK_BH);
}

void kernel_keys_lock(void *keys)
{
	xa_lock_bh((struct xarray *)keys);
}

void kernel_keys_unlock(void *keys)
{
	xa_unlock_bh((struct xarray *)keys);
}

int kernel_keys_insert(void *keys, u32 key, void *entry)
{
	return xa_insert_bh(keys, key, entry, GFP_KERNEL_ACCOUNT);
}

void *kernel_keys_find(void *keys, u32 key)
{
	return xa_load(keys, key);
}

void *kernel_keys_first(void *keys, u32 *key)
{
	unsigned long index = 0;
	void *entry = xa_find(keys, &index, U32_MAX, XA_PRESENT);

	*key = index;
	return entry;
}

bool kernel_keys_remove(void *keys, u32 key, void *entry)
{
	return xa_cmpxchg_bh(keys, key, entry, NULL, 0) == entry;
}
