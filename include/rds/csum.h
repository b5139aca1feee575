/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The header checksum: 16-bit one's complement over the 48 header bytes, payload not
 * covered. Called by transports when they send and receive; the caller owns the header.
 *
 * TCP senders store 0, which means "not computed" and is always accepted.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include <rds/wire.h>

namespace rds {

/*
 * Sum of the header's 24 big-endian words, whatever the checksum field holds included. Two at a time
 * and in the order of this CPU, as a sum whose carries come back in does not care (RFC 1071).
 */
[[nodiscard]] inline std::uint16_t header_sum(const rds_header &hdr)
{
	const auto *bytes = reinterpret_cast<const std::uint8_t *>(&hdr);
	std::uint64_t sum = 0;

	for (std::size_t i = 0; i < sizeof(hdr); i += sizeof(std::uint32_t)) {
		std::uint32_t words;
		__builtin_memcpy(&words, bytes + i, sizeof(words));
		sum += words;
	}
	/* 36 bits at most, then 21, 17 and 16 */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return kernel::swap_to_big(static_cast<std::uint16_t>(sum));
}

/* The value h_csum must have. */
[[nodiscard]] inline kernel::be16 header_csum(rds_header hdr)
{
	hdr.h_csum = kernel::be16(0);
	return kernel::be16(static_cast<std::uint16_t>(~header_sum(hdr)));
}

[[nodiscard]] inline bool header_csum_ok(const rds_header &hdr)
{
	return hdr.h_csum == kernel::be16(0) || header_sum(hdr) == 0xffff;
}

} // namespace rds
