/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bit arithmetic of a congestion map: 8192 bytes, one bit for each port, 1 = congested.
 * Port p is bit p % 8 (from the least significant) of byte p / 8, so the map is the same
 * on machines of either byte order. Plain loads and stores: whoever changes a map holds
 * its lock; whoever only tests one bit may race and then sees it before or after.
 */
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <rds/wire.h>

namespace rds {

/* Ports are in host order here. */
[[nodiscard]] constexpr std::size_t congmap_byte(std::uint16_t port)
{
	return port / 8;
}

[[nodiscard]] constexpr std::uint8_t congmap_mask(std::uint16_t port)
{
	return static_cast<std::uint8_t>(1U << port % 8);
}

[[nodiscard]] constexpr bool congmap_test(const std::uint8_t *map, std::uint16_t port)
{
	return map[congmap_byte(port)] & congmap_mask(port);
}

/* Both say whether the bit changed, which is when peers must hear of it. */
constexpr bool congmap_set(std::uint8_t *map, std::uint16_t port)
{
	if (congmap_test(map, port))
		return false;
	map[congmap_byte(port)] |= congmap_mask(port);
	return true;
}

constexpr bool congmap_clear(std::uint8_t *map, std::uint16_t port)
{
	if (!congmap_test(map, port))
		return false;
	map[congmap_byte(port)] &= static_cast<std::uint8_t>(~congmap_mask(port));
	return true;
}

/*
 * Monitor groups (port % 64) with a port that was congested in `was` and is not in
 * `now`. Works on any piece of a map whose offset and length are multiples of 8.
 */
[[nodiscard]] inline std::uint64_t congmap_relieved(const std::uint8_t *was,
						    const std::uint8_t *now, std::size_t len)
{
	std::uint64_t groups = 0;

	for (std::size_t i = 0; i + 8 <= len; i += 8) {
		std::uint64_t before;
		std::uint64_t after;

		__builtin_memcpy(&before, was + i, sizeof(before));
		__builtin_memcpy(&after, now + i, sizeof(after));
		groups |= before & ~after;
	}
	/* The words are little-endian: swapping the result swaps each of them. */
	if constexpr (std::endian::native == std::endian::big)
		groups = __builtin_bswap64(groups);
	return groups;
}

/* What a transport reports that does not compare (TCP): any port may have changed. */
constexpr std::uint64_t congmap_all_groups = ~std::uint64_t{0};

} // namespace rds
