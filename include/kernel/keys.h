/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counted objects by a 32-bit key. The table owns one reference of each; look-ups give one of
 * their own, in any context.
 */
#pragma once

#include "kernel/opaque.h"
#include "kernel/ref.h"
#include "kernel/seam.h"

namespace kernel {

template <typename T>
class key_table : pinned {
public:
	key_table() { kernel_keys_init(&m_keys); }

	/* P. Return: 0, the table now has a reference; -EBUSY: the key is taken; -ENOMEM. */
	[[nodiscard]] int insert(u32 key, T *t)
	{
		t->get();
		int err = kernel_keys_insert(&m_keys, key, t);
		if (err)
			t->put();
		return err;
	}

	ref<T> find(u32 key)
	{
		hold locked(&m_keys);
		return ref<T>::share(static_cast<T *>(kernel_keys_find(&m_keys, key)));
	}

	ref<T> first(u32 &key)
	{
		hold locked(&m_keys);
		return ref<T>::share(static_cast<T *>(kernel_keys_first(&m_keys, &key)));
	}

	/* Drops the table's reference, unless somebody else was faster. Return: it was there. */
	bool remove(u32 key, T *t)
	{
		bool there = kernel_keys_remove(&m_keys, key, t);
		if (there)
			t->put();
		return there;
	}

private:
	/* An object that is in the table has the table's reference until the lock is released. */
	struct hold : pinned {
		explicit hold(void *k) : keys(k) { kernel_keys_lock(keys); }
		~hold() { kernel_keys_unlock(keys); }
		void *keys;
	};

	opaque<XARRAY_SIZE, XARRAY_ALIGN> m_keys;
};

} // namespace kernel
