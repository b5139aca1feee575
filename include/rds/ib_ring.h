/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring of work requests: which slots are taken. One producer, who posts (serialised by send_sem or
 * by whoever refills), and one consumer, the completion handler; each owns an end, and both the
 * count in between. Completions come in the order of posting, and one may stand for many. ib.md 10.
 */
#pragma once

#include <cstdint>

#include <kernel/atomic.h>

namespace rds::ib {

class ring {
public:
	/* Nobody else looks at it. @size: slots, not 0; positions are 0 to @size - 1. */
	void init(std::uint32_t size)
	{
		m_size = size;
		m_next = m_oldest = m_used = 0;
	}

	/* ---- the producer ---- */

	/* Return: how many of @want slots it gets, from position @first on, around the end. */
	[[nodiscard]] std::uint32_t take(std::uint32_t want, std::uint32_t &first)
	{
		std::uint32_t room = m_size - kernel::load_acquire(m_used);
		std::uint32_t got = want < room ? want : room;

		first = m_next;
		m_next = after(m_next, got);
		kernel::add_return(m_used, got);
		return got;
	}

	/* The last @n that were taken: they have not been posted. */
	void give_back(std::uint32_t n)
	{
		m_next = after(m_next, m_size - n);
		kernel::sub_release(m_used, n);
	}

	/* ---- the consumer ---- */

	[[nodiscard]] std::uint32_t oldest() const { return m_oldest; }

	/*
	 * How many slots a completion of the one at @pos stands for, from oldest() on. Return: 0: it
	 * is none that is taken; believed by nobody.
	 */
	[[nodiscard]] std::uint32_t covered(std::uint64_t pos) const
	{
		if (pos >= m_size)
			return 0;
		auto at = static_cast<std::uint32_t>(pos);
		std::uint32_t n = at >= m_oldest ? at - m_oldest + 1 : at + m_size - m_oldest + 1;
		return n <= kernel::read_once(m_used) ? n : 0;
	}

	/* They are free again: the producer may write to what belongs to them. @n: covered(). */
	void retire(std::uint32_t n)
	{
		m_oldest = after(m_oldest, n);
		kernel::sub_release(m_used, n);
	}

	/* ---- anybody ---- */

	[[nodiscard]] std::uint32_t used() const { return kernel::load_acquire(m_used); }
	[[nodiscard]] bool empty() const { return !used(); }
	[[nodiscard]] bool low() const { return used() <= m_size / 2; }
	[[nodiscard]] std::uint32_t size() const { return m_size; }
	/* The position @n behind @pos; @n up to size(). */
	[[nodiscard]] std::uint32_t after(std::uint32_t pos, std::uint32_t n) const
	{
		/* without an overflow, whatever the size */
		return n < m_size - pos ? pos + n : n - (m_size - pos);
	}

private:
	std::uint32_t m_size = 0;
	std::uint32_t m_next = 0; /* the producer's */
	std::uint32_t m_oldest = 0; /* the consumer's */
	std::uint32_t m_used = 0; /* both count */
};

} // namespace rds::ib
