/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two ends of an RDS connection over InfiniBand say of themselves in the private data of
 * the CM's REQ and REP, and which version of the protocol they agree on. For the CM handler, which
 * holds the connection's mutex; everything here is bytes and numbers. ib.md 5 and 6.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include <rds/types.h>

namespace rds::ib {

/* Major in the upper byte, minor in the lower. 3.1 we propose, and all known peers settle on it. */
constexpr std::uint16_t version_3_1 = 0x0301;
constexpr std::uint16_t version_4_0 = 0x0400;
constexpr std::uint16_t version_4_1 = 0x0401;
constexpr std::uint16_t known_minors = 0x0003; /* of major 4: bit n is minor n */

/* The value of every rejection of ours, whatever the reason; 4 bytes in host order. ib.md 6.3 */
constexpr std::int32_t reject_value = 1;

/* Addresses are IPv6 or mapped; on the wire IPv4 has 4 bytes, and a format of its own. */
struct introduction {
	in6_addr source; /* who says it */
	in6_addr destination; /* who reads it */
	std::uint16_t version;
	std::uint16_t minors;
	std::uint8_t tos;
	std::uint64_t ack; /* last message received in order; 0: none */
	std::uint32_t credit; /* messages that may come at once; 0: no flow control */
	/*
	 * Ours only, in bytes that others write as 0 and do not read: changes when who says it has
	 * restarted, and counts its messages from one again. 0: not said.
	 */
	std::uint32_t generation;
};

/* Of one of the two formats. The CM has room for no byte more of IPv6's. */
struct format {
	std::size_t address; /* bytes of each */
	std::size_t common() const { return 2 * address; }
	std::size_t size() const { return common() + 24; }
};

constexpr format format_v4{4};
constexpr format format_v6{16};

[[nodiscard]] constexpr const format &format_of(bool v6)
{
	return v6 ? format_v6 : format_v4;
}

namespace detail {

/* Where in the common block. */
constexpr std::size_t at_version = 0, at_minors = 2, at_tos = 4, at_mark = 5, at_ack = 8,
		      at_credit = 16, at_generation = 20;
constexpr std::uint8_t generation_mark = 0x47; /* 'G': what follows is no padding */

/* Big-endian numbers at any address. */
[[nodiscard]] inline std::uint64_t get(const std::uint8_t *from, std::size_t bytes)
{
	std::uint64_t value = 0;
	for (std::size_t i = 0; i < bytes; i++)
		value = value << 8 | from[i];
	return value;
}

inline void put(std::uint8_t *to, std::size_t bytes, std::uint64_t value)
{
	for (; bytes; value >>= 8)
		to[--bytes] = static_cast<std::uint8_t>(value);
}

/* IPv4 is the end of a mapped address. */
inline void put_address(std::uint8_t *to, const format &f, const in6_addr &a)
{
	__builtin_memcpy(to, a.in6_u.u6_addr8 + sizeof(a) - f.address, f.address);
}

[[nodiscard]] inline in6_addr get_address(const std::uint8_t *from, const format &f)
{
	in6_addr a{};
	if (f.address < sizeof(a))
		a.in6_u.u6_addr8[10] = a.in6_u.u6_addr8[11] = 0xff;
	__builtin_memcpy(a.in6_u.u6_addr8 + sizeof(a) - f.address, from, f.address);
	return a;
}

} // namespace detail

/**
 * write_introduction - private data of a REQ or a REP
 * @to: format_of(@v6).size() bytes, all of which are written.
 */
inline void write_introduction(std::uint8_t *to, bool v6, const introduction &us)
{
	using namespace detail;
	const format &f = format_of(v6);
	std::uint8_t *common = to + f.common();

	__builtin_memset(to, 0, f.size());
	put_address(to, f, us.source);
	put_address(to + f.address, f, us.destination);
	put(common + at_version, 2, us.version);
	put(common + at_minors, 2, us.minors);
	put(common + at_tos, 1, us.tos);
	put(common + at_ack, 8, us.ack);
	put(common + at_credit, 4, us.credit);
	if (!us.generation)
		return;
	put(common + at_mark, 1, generation_mark);
	put(common + at_generation, 4, us.generation);
}

/**
 * read_introduction - what the peer says
 * @data, @len: as the CM reports them, foreign bytes. Return: false when they are too few for that
 * format; nothing is read then. The caller has made sure of the format: the CM's address family is
 * the same. Whether the addresses are true is for him to find out, too.
 */
[[nodiscard]] inline bool read_introduction(const std::uint8_t *data, std::size_t len, bool v6,
					    introduction &peer)
{
	using namespace detail;
	const format &f = format_of(v6);

	if (len < f.size())
		return false;
	const std::uint8_t *common = data + f.common();
	peer.source = get_address(data, f);
	peer.destination = get_address(data + f.address, f);
	peer.version = static_cast<std::uint16_t>(get(common + at_version, 2));
	peer.minors = static_cast<std::uint16_t>(get(common + at_minors, 2));
	peer.tos = static_cast<std::uint8_t>(get(common + at_tos, 1));
	peer.ack = get(common + at_ack, 8);
	peer.credit = static_cast<std::uint32_t>(get(common + at_credit, 4));
	peer.generation = common[at_mark] == generation_mark
				  ? static_cast<std::uint32_t>(get(common + at_generation, 4))
				  : 0;
	return true;
}

/**
 * accept_version - what we speak with who has sent this REQ
 * Return: 0: nothing; the REQ is refused. ib.md 6.2
 */
[[nodiscard]] inline std::uint16_t accept_version(const std::uint8_t *data, std::size_t len,
						  bool v6)
{
	introduction peer;

	if (len == 0)
		return 0;
	/* older ones said nothing */
	if (!read_introduction(data, len, v6, peer) || peer.version >> 8 == 0)
		return version_4_0;
	if (peer.version == version_3_1)
		return version_3_1;
	if (peer.version >> 8 != version_4_0 >> 8)
		return 0;
	if (peer.minors & 2)
		return version_4_1;
	return peer.minors & 1 ? version_4_0 : std::uint16_t{0};
}

/**
 * settled_version - what both speak, now that the connection stands
 * @ours: what we have accepted, or would speak if the peer says nothing: 4.1 where we connected.
 * Return: 0: older than anything we know; the connection is dropped. ib.md 6.3
 */
[[nodiscard]] inline std::uint16_t settled_version(std::uint16_t ours, const std::uint8_t *data,
						   std::size_t len, bool v6)
{
	introduction peer;
	std::uint16_t settled = ours;

	if (read_introduction(data, len, v6, peer) && peer.version >> 8 != 0)
		settled = peer.version;
	return settled < version_3_1 ? std::uint16_t{0} : settled;
}

/* RDMA reads and atomics under way at a time: CM's field is a byte. Pitfall I12. */
[[nodiscard]] constexpr std::uint8_t depth(std::uint32_t device, std::uint32_t peer)
{
	std::uint32_t both = device < peer ? device : peer;
	return static_cast<std::uint8_t>(both < 255 ? both : 255);
}

} // namespace rds::ib
