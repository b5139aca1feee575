/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One bounded cursor for bytes that came from somebody else. Every parser of foreign
 * bytes reads through it; it belongs to the caller's stack, so there is no lock.
 *
 * A read either succeeds as a whole or consumes nothing.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <kernel/endian.h>

namespace rds {

class cursor {
public:
	constexpr cursor() = default;
	constexpr explicit cursor(std::span<const std::uint8_t> bytes)
	    : m_pos(bytes.data()), m_left(bytes.size())
	{}

	[[nodiscard]] constexpr std::size_t left() const { return m_left; }

	[[nodiscard]] constexpr bool skip(std::size_t n)
	{
		if (n > m_left)
			return false;
		advance(n);
		return true;
	}

	/* The next n bytes, in place. */
	[[nodiscard]] constexpr bool take(std::size_t n, std::span<const std::uint8_t> &out)
	{
		if (n > m_left)
			return false;
		out = {m_pos, n};
		advance(n);
		return true;
	}

	[[nodiscard]] constexpr bool read(std::uint8_t &out)
	{
		if (m_left == 0)
			return false;
		out = *m_pos;
		advance(1);
		return true;
	}

	/* A big-endian integer at any alignment. */
	template <kernel::wire_integer T>
	[[nodiscard]] constexpr bool read(kernel::be<T> &out)
	{
		T host = 0;

		if (sizeof(T) > m_left)
			return false;
		for (std::size_t i = 0; i < sizeof(T); i++)
			host = static_cast<T>(host << 8 | m_pos[i]);
		out = kernel::be<T>(host);
		advance(sizeof(T));
		return true;
	}

private:
	constexpr void advance(std::size_t n)
	{
		m_pos += n;
		m_left -= n;
	}

	const std::uint8_t *m_pos = nullptr;
	std::size_t m_left = 0;
};

} // namespace rds
