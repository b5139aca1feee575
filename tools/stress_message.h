// SPDX-License-Identifier: GPL-2.0
/*
 * A message of rds-stress: 63 bytes of header in network byte order, then, with -v, a pattern that
 * the receiver works out for itself. Pure functions; called by the tasks.
 */
#ifndef RDS_TOOLS_STRESS_MESSAGE_H
#define RDS_TOOLS_STRESS_MESSAGE_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "endpoint.h"
#include "stress_bytes.h"

namespace rds_tools::stress {

constexpr std::uint32_t header_bytes = 63;

enum class operation : std::uint8_t { request = 1, ack = 2 };

/* What who answers does with the memory of who asks. */
enum class rdma_operation : std::uint8_t { none = 0, read = 1, write = 2 };

/* All zero without RDMA. The answer repeats that of the request, with the key. */
struct rdma_part {
	rdma_operation op = rdma_operation::none;
	std::uint64_t address = 0; /* of the region, as its owner sees it: for who debugs */
	std::uint64_t key = 0; /* the cookie; 0 while only the kernel knows it */
	std::uint32_t size = 0, vectors = 0; /* bytes of a vector; how many */

	bool operator==(const rdma_part &) const = default;
};

struct header {
	std::uint32_t sequence = 0, from_address = 0, to_address = 0;
	std::uint16_t from_port = 0, to_port = 0;
	std::uint16_t index = 0; /* which of the requests under way this is, or is the answer to */
	operation op = operation::request;
	std::uint64_t pattern = 0, run = 0;
	rdma_part rdma;

	bool operator==(const header &) const = default;
};

inline std::vector<std::uint8_t> encode(const header &h)
{
	writer out;

	out.put(h.sequence).put(h.from_address).put(h.to_address);
	out.put(h.from_port).put(h.to_port).put(h.index);
	out.put(static_cast<std::uint8_t>(h.op)).put(static_cast<std::uint8_t>(h.rdma.op));
	/* where others have the physical address: no program knows that any more */
	out.put(h.rdma.address).put(h.run).put(h.pattern).put(h.rdma.key);
	out.put(h.rdma.size).put(h.rdma.vectors);
	/* retry, remote error, pending: an operation that fails ends the run */
	out.put(std::uint8_t{0}).put(std::uint8_t{0}).put(std::uint8_t{0});
	return out.bytes();
}

/* Nothing if it is too short. The operation is as it came: compare the whole header. */
inline std::optional<header> decode_header(std::span<const std::uint8_t> message)
{
	reader in(message);
	header h;

	h.sequence = in.get<std::uint32_t>();
	h.from_address = in.get<std::uint32_t>();
	h.to_address = in.get<std::uint32_t>();
	h.from_port = in.get<std::uint16_t>();
	h.to_port = in.get<std::uint16_t>();
	h.index = in.get<std::uint16_t>();
	h.op = static_cast<operation>(in.get<std::uint8_t>());
	h.rdma.op = static_cast<rdma_operation>(in.get<std::uint8_t>());
	h.rdma.address = in.get<std::uint64_t>();
	h.run = in.get<std::uint64_t>();
	h.pattern = in.get<std::uint64_t>();
	h.rdma.key = in.get<std::uint64_t>();
	h.rdma.size = in.get<std::uint32_t>();
	h.rdma.vectors = in.get<std::uint32_t>();
	in.get<std::uint16_t>();
	in.get<std::uint8_t>();
	if (!in.ok())
		return std::nullopt;
	return h;
}

/* The header has 32 bits for an address: an IPv6 address is folded into them. */
inline std::uint32_t short_address(const endpoint &ep)
{
	std::uint32_t words[4] = {};

	if (ep.family() == AF_INET6)
		std::memcpy(words, &reinterpret_cast<const sockaddr_in6 *>(ep.sa())->sin6_addr, 16);
	else
		std::memcpy(words, &reinterpret_cast<const sockaddr_in *>(ep.sa())->sin_addr, 4);
	return ntohl(words[0] ^ words[1] ^ words[2] ^ words[3]);
}

inline std::string describe(const rdma_part &r)
{
	const char *op = r.op == rdma_operation::none	 ? "none"
			 : r.op == rdma_operation::read	 ? "read"
			 : r.op == rdma_operation::write ? "write"
							 : "neither read nor write";
	char text[160];
	std::snprintf(text, sizeof(text), " rdma %s (%u) address %016llx key %016llx size %u * %u",
		      op, static_cast<unsigned>(r.op), static_cast<unsigned long long>(r.address),
		      static_cast<unsigned long long>(r.key), r.size, r.vectors);
	return text;
}

inline std::string describe(const header &h)
{
	const char *op = h.op == operation::request ? "request"
			 : h.op == operation::ack   ? "ack"
						    : "neither request nor ack";
	char text[256];
	std::snprintf(text, sizeof(text),
		      "sequence %u from %08x:%u to %08x:%u index %u %s (%u) pattern %016llx",
		      h.sequence, h.from_address, h.from_port, h.to_address, h.to_port, h.index, op,
		      static_cast<unsigned>(h.op), static_cast<unsigned long long>(h.pattern));
	return h.rdma == rdma_part{} ? text : text + describe(h.rdma);
}

/* splitmix64: every input gives an independent looking output. */
inline std::uint64_t mixed(std::uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* No two messages of a run have the same. */
inline std::uint64_t pattern_of(std::uint64_t run, std::uint16_t from, std::uint16_t to,
				std::uint32_t sequence)
{
	return mixed(mixed(run) ^ (std::uint64_t{from} << 48 | std::uint64_t{to} << 32 | sequence));
}

inline void fill_pattern(std::span<std::uint8_t> out, std::uint64_t pattern)
{
	for (std::size_t at = 0; at < out.size(); at += sizeof(pattern)) {
		std::memcpy(out.data() + at, &pattern, std::min(sizeof(pattern), out.size() - at));
		pattern += 0x9e3779b97f4a7c15;
	}
}

/* Where it first differs; nothing if it does not. */
inline std::optional<std::size_t> first_difference(std::span<const std::uint8_t> in,
						   std::uint64_t pattern)
{
	for (std::size_t at = 0; at < in.size(); at += sizeof(pattern)) {
		std::size_t size = std::min(sizeof(pattern), in.size() - at);
		if (std::memcmp(in.data() + at, &pattern, size)) {
			std::uint8_t expected[sizeof(pattern)];
			std::memcpy(expected, &pattern, sizeof(pattern));
			while (in[at] == expected[at % sizeof(pattern)])
				at++;
			return at;
		}
		pattern += 0x9e3779b97f4a7c15;
	}
	return std::nullopt;
}

} // namespace rds_tools::stress

#endif
