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

/* Sum of the header's 24 big-endian words, whatever the checksum field holds included. */
[[nodiscard]] inline std::uint16_t header_sum(const rds_header &hdr)
{
	const auto *bytes = reinterpret_cast<const std::uint8_t *>(&hdr);
	std::uint32_t sum = 0;

	for (std::size_t i = 0; i < sizeof(hdr); i += 2)
		sum += static_cast<std::uint32_t>(bytes[i]) << 8 | bytes[i + 1];

	/* 24 words cannot carry more than 23, so two folds are enough. */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<std::uint16_t>(sum);
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
