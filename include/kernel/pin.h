/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages of the current user, pinned for a device: the one owner while they are being collected.
 * Who releases it unpins them with kernel_unpin(). Process context.
 */
#pragma once

#include <linux/errno.h>

#include "kernel/opaque.h"
#include "kernel/seam.h"

namespace kernel {

class user_pages {
public:
	user_pages() = default;
	user_pages(user_pages &&from) : m_sg(from.release()) {}
	user_pages &operator=(user_pages &&) = delete;
	~user_pages()
	{
		if (m_sg)
			kernel_unpin_now(m_sg);
	}

	/* Room for @max pages, which are charged. Return: 0, -ENOMEM. */
	[[nodiscard]] int begin(u32 max, bool write)
	{
		m_sg = kernel_pin_begin(max, write);
		return m_sg ? 0 : -ENOMEM;
	}
	/* Return: 0 or errno; what was pinned before stays. */
	[[nodiscard]] int add(u64 addr, u64 bytes, bool whole_pages)
	{
		return kernel_pin_add(m_sg, addr, bytes, whole_pages);
	}

	/* None of them, but they stay charged. */
	void charge_only() { kernel_pin_charge_only(m_sg); }

	scatterlist *get() const { return m_sg; }
	/* The caller owns them from here on. */
	[[nodiscard]] scatterlist *release()
	{
		scatterlist *sg = m_sg;
		m_sg = nullptr;
		return sg;
	}

private:
	scatterlist *m_sg = nullptr;
};

} // namespace kernel
