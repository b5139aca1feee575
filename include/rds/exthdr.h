/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extension headers: elements of one type byte and a payload whose length the type
 * implies, back to back in the 16-byte area of a message header. The writer is for
 * senders, the reader for the receive path; what a handshake message says is summed up
 * in struct handshake. All of it works on the caller's header and takes no locks.
 */
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rds/cursor.h>
#include <rds/header.h>
#include <rds/wire.h>

namespace rds {

using exthdr_area = std::span<std::uint8_t, RDS_EXTHDR_BYTES>;
using const_exthdr_area = std::span<const std::uint8_t, RDS_EXTHDR_BYTES>;

/*
 * Payload bytes of an element. A type below 16 that nobody has defined counts as empty,
 * as in every known peer: a new type must therefore start its payload with a zero byte.
 */
[[nodiscard]] constexpr std::size_t exthdr_payload(std::uint8_t type)
{
	switch (type) {
	case RDS_EXTHDR_VERSION:
	case RDS_EXTHDR_RDMA:
	case RDS_EXTHDR_GEN_NUM:
	case RDS_EXTHDR_CAP_BITS:
		return 4;
	case RDS_EXTHDR_RDMA_DEST:
	case RDS_EXTHDR_RDMA_BYTES:
	case RDS_EXTHDR_CSUM:
		return 8;
	case RDS_EXTHDR_NPATHS:
		return 2;
	case RDS_EXTHDR_SPORT_IDX:
		return 1;
	default:
		return 0;
	}
}

/* What RDS_EXTHDR_RDMA_BYTES says about the direction. */
enum class rdma_direction : std::uint8_t {
	write = 1,
	read = 2,
};

/*
 * Appends elements; each call says whether its element still fitted, and one that did
 * not leaves the area as it was. Old peers stop at what they don't know, so add types in
 * the order of their age.
 */
class exthdr_writer {
public:
	/* `used` is what an earlier writer reported; the rest is cleared. */
	explicit exthdr_writer(exthdr_area area, std::size_t used = 0)
	    : m_area(area), m_used(used < RDS_EXTHDR_BYTES ? used : RDS_EXTHDR_BYTES)
	{
		for (std::size_t i = m_used; i < RDS_EXTHDR_BYTES; i++)
			m_area[i] = 0;
	}

	[[nodiscard]] std::size_t used() const { return m_used; }

	[[nodiscard]] bool version(std::uint32_t v) { return word(RDS_EXTHDR_VERSION, v); }
	[[nodiscard]] bool rdma(std::uint32_t key) { return word(RDS_EXTHDR_RDMA, key); }
	[[nodiscard]] bool gen_num(std::uint32_t gen) { return word(RDS_EXTHDR_GEN_NUM, gen); }
	[[nodiscard]] bool cap_bits(std::uint32_t caps) { return word(RDS_EXTHDR_CAP_BITS, caps); }

	[[nodiscard]] bool rdma_dest(std::uint32_t key, std::uint32_t offset)
	{
		if (!begin(RDS_EXTHDR_RDMA_DEST))
			return false;
		put32(key);
		put32(offset);
		return true;
	}

	[[nodiscard]] bool rdma_bytes(std::uint32_t count, rdma_direction direction)
	{
		return word_and_byte(RDS_EXTHDR_RDMA_BYTES, count,
				     static_cast<std::uint8_t>(direction));
	}

	[[nodiscard]] bool npaths(std::uint16_t lanes)
	{
		if (!begin(RDS_EXTHDR_NPATHS))
			return false;
		put8(static_cast<std::uint8_t>(lanes >> 8));
		put8(static_cast<std::uint8_t>(lanes));
		return true;
	}

	/* Its payload byte must be 0, so that peers that don't know it stop there. */
	[[nodiscard]] bool sport_idx()
	{
		if (!begin(RDS_EXTHDR_SPORT_IDX))
			return false;
		put8(0);
		return true;
	}

	[[nodiscard]] bool csum(std::uint32_t sum, bool enabled)
	{
		return word_and_byte(RDS_EXTHDR_CSUM, sum, enabled);
	}

private:
	[[nodiscard]] bool begin(std::uint8_t type)
	{
		if (RDS_EXTHDR_BYTES - m_used < 1 + exthdr_payload(type))
			return false;
		put8(type);
		return true;
	}

	[[nodiscard]] bool word(std::uint8_t type, std::uint32_t value)
	{
		if (!begin(type))
			return false;
		put32(value);
		return true;
	}

	[[nodiscard]] bool word_and_byte(std::uint8_t type, std::uint32_t value, std::uint8_t byte)
	{
		if (!begin(type))
			return false;
		put32(value);
		put8(byte);
		m_used += 3; /* reserved; the constructor has cleared them */
		return true;
	}

	void put8(std::uint8_t value) { m_area[m_used++] = value; }

	void put32(std::uint32_t value)
	{
		for (int shift = 24; shift >= 0; shift -= 8)
			put8(static_cast<std::uint8_t>(value >> shift));
	}

	exthdr_area m_area;
	std::size_t m_used;
};

/* One element as read; the payload points into the header. */
struct exthdr {
	std::uint8_t type = RDS_EXTHDR_NONE;
	std::span<const std::uint8_t> payload;

	/* Big-endian numbers of the payload; 0 where the element has none. */
	[[nodiscard]] std::uint16_t u16() const
	{
		cursor c{payload};
		kernel::be16 value{};

		return c.read(value) ? value.host() : std::uint16_t{0};
	}

	[[nodiscard]] std::uint32_t u32(std::size_t at = 0) const
	{
		cursor c{payload};
		kernel::be32 value{};

		return c.skip(at) && c.read(value) ? value.host() : 0;
	}

	[[nodiscard]] std::uint8_t u8(std::size_t at = 0) const
	{
		return at < payload.size() ? payload[at] : std::uint8_t{0};
	}

	/* RDMA_DEST the way applications see it: key below, offset above. */
	[[nodiscard]] std::uint64_t rdma_cookie() const
	{
		return static_cast<std::uint64_t>(u32(4)) << 32 | u32();
	}
};

/* Walks the elements of a header that a peer sent. */
class exthdr_reader {
public:
	explicit exthdr_reader(const_exthdr_area area) : m_cursor(area) {}

	/*
	 * False at the end: a zero type, a type from 16 on, an element that would leave
	 * the area, or the boundary itself. Stays false from then on.
	 */
	[[nodiscard]] bool next(exthdr &out)
	{
		std::uint8_t type;

		if (!m_cursor.read(type) || type == RDS_EXTHDR_NONE || type >= RDS_EXTHDR_MAX ||
		    !m_cursor.take(exthdr_payload(type), out.payload)) {
			m_cursor = cursor{};
			return false;
		}
		out.type = type;
		return true;
	}

private:
	cursor m_cursor;
};

/*
 * What a probe or its reply says. The values are the peer's and unchecked, except
 * through lanes(). Of repeated elements the last one counts.
 */
struct handshake {
	bool has_npaths = false;
	std::uint16_t npaths = 0; /* meaningful if has_npaths */
	std::uint32_t gen_num = 0; /* 0 = not announced */
	bool sport_idx = false; /* peer's TCP source port names the lane */
	std::uint32_t caps = 0; /* RDS_CAP_* */

	/*
	 * Lanes that the peer may use from now on, when `known` were offered before (0 = not
	 * known yet). Never fewer: messages queued on the higher lanes would be stranded.
	 */
	[[nodiscard]] constexpr unsigned int offers(unsigned int known) const
	{
		unsigned int offered = has_npaths ? npaths : 1;

		if (offered < 1)
			offered = 1;
		if (offered > RDS_MPATH_WORKERS)
			offered = RDS_MPATH_WORKERS;
		return offered > known ? offered : known;
	}

	/* Lanes to spread over: a power of two, because it serves as a mask. */
	[[nodiscard]] constexpr unsigned int lanes(unsigned int known) const
	{
		return std::bit_floor(offers(known));
	}

	/* A bit for each lane that the peer wants to have open. */
	[[nodiscard]] constexpr std::uint8_t asked_lanes() const
	{
		return caps & RDS_CAP_ASKS_FOR_LANES
			       ? static_cast<std::uint8_t>(caps >> RDS_CAP_LANES_SHIFT)
			       : std::uint8_t{0};
	}

	/* The peer restarted: both numbers known, and different. */
	[[nodiscard]] constexpr bool restarted(std::uint32_t known_gen) const
	{
		return gen_num != 0 && known_gen != 0 && gen_num != known_gen;
	}
};

/* Only for headers that is_handshake() accepts. */
[[nodiscard]] inline handshake read_handshake(const rds_header &hdr)
{
	exthdr_reader reader{hdr.h_exthdr};
	handshake hs;
	exthdr ext;

	while (reader.next(ext)) {
		switch (ext.type) {
		case RDS_EXTHDR_NPATHS:
			hs.has_npaths = true;
			hs.npaths = ext.u16();
			break;
		case RDS_EXTHDR_GEN_NUM:
			hs.gen_num = ext.u32();
			break;
		case RDS_EXTHDR_SPORT_IDX:
			hs.sport_idx = true;
			break;
		case RDS_EXTHDR_CAP_BITS:
			hs.caps = ext.u32();
			break;
		default:
			break;
		}
	}
	return hs;
}

/*
 * What we say of ourselves in a probe and in its reply, oldest type first; generation 0 is not
 * announced, nor are 0 lanes or capabilities: the peer keeps what it knows. A sender of one lane has
 * no index to put in its port, unless it may have more later (@names_lanes). For multipath
 * transports only; others answer a probe with a plain make_pong().
 */
inline void write_handshake(rds_header &hdr, std::uint32_t gen_num, std::uint16_t lanes,
			    std::uint32_t caps = 0, bool names_lanes = false)
{
	exthdr_writer writer{hdr.h_exthdr};
	bool fits = lanes == 0 || writer.npaths(lanes);

	if (gen_num != 0)
		fits = writer.gen_num(gen_num) && fits;
	if (lanes > 1 || names_lanes)
		fits = writer.sport_idx() && fits;
	if (caps != 0)
		fits = writer.cap_bits(caps) && fits;
	/* 15 of 16 bytes at most. */
	static_cast<void>(fits);
}

} // namespace rds
