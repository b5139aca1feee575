/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Big-endian integers that do not convert by themselves: be16, be32, be64.
 * Used by whatever reads or writes wire or ABI structures; takes no locks.
 *
 * They have the size, alignment and bytes of the kernel's __be16, __be32, __be64, so
 * a struct made of them has the layout of its C twin. To and from host order only by
 * name: be32(host), value.host().
 */
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace kernel {

template <typename T>
concept wire_integer = std::same_as<T, std::uint16_t> || std::same_as<T, std::uint32_t> ||
	std::same_as<T, std::uint64_t>;

/* Its own inverse: host to big-endian and back. */
template <wire_integer T>
constexpr T swap_to_big(T value)
{
	if constexpr (std::endian::native == std::endian::big)
		return value;
	else if constexpr (sizeof(T) == 2)
		return __builtin_bswap16(value);
	else if constexpr (sizeof(T) == 4)
		return __builtin_bswap32(value);
	else
		return __builtin_bswap64(value);
}

template <wire_integer T>
class be {
public:
	/* Uninitialised, as an integer would be: wire structs stay trivial. */
	be() = default;

	constexpr explicit be(T host) : m_raw(swap_to_big(host)) {}

	/* A wider value would lose its top half without a word (int is let through:
	 * literals and promoted arithmetic have that type).
	 */
	template <typename U>
		requires(sizeof(U) > sizeof(T) && !std::same_as<U, int>)
	explicit be(U) = delete;

	/* For a value that already is in network order (from C, or from a sockaddr). */
	static constexpr be from_raw(T raw)
	{
		be value{};

		value.m_raw = raw;
		return value;
	}

	[[nodiscard]] constexpr T host() const { return swap_to_big(m_raw); }
	[[nodiscard]] constexpr T raw() const { return m_raw; }

	friend constexpr bool operator==(be, be) = default;

private:
	T m_raw;
};

using be16 = be<std::uint16_t>;
using be32 = be<std::uint32_t>;
using be64 = be<std::uint64_t>;

static_assert(sizeof(be16) == 2 && alignof(be16) == alignof(std::uint16_t));
static_assert(sizeof(be32) == 4 && alignof(be32) == alignof(std::uint32_t));
static_assert(sizeof(be64) == 8 && alignof(be64) == alignof(std::uint64_t));
static_assert(std::is_trivial_v<be64> && std::is_standard_layout_v<be64>);

} // namespace kernel
