// SPDX-License-Identifier: GPL-2.0
/*
 * What the messages of a verified flow look like: sizes and contents follow from a seed, so that
 * the receiver can work out by itself what must come next. Pure values, used by rds-xfer and rds-
 * echo.
 */
#ifndef TESTS_PROGRAMS_TRAFFIC_H
#define TESTS_PROGRAMS_TRAFFIC_H

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "interval.h"
#include "rds_socket.h"
#include "sha256.h"

/* splitmix64: every input gives an independent looking output. */
inline std::uint64_t mixed(std::uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

inline void fill_random(std::span<std::uint8_t> out, std::uint64_t seed)
{
	std::size_t at = 0;
	for (; at + 8 <= out.size(); at += 8) {
		std::uint64_t word = mixed(seed++);
		std::memcpy(out.data() + at, &word, 8);
	}
	std::uint64_t word = mixed(seed);
	std::memcpy(out.data() + at, &word, out.size() - at);
}

enum class size_mode : std::uint32_t {
	range, /* uniform between min and max */
	mix, /* small ones, and the edges of headers, pages and fragments, up to max */
	file, /* all magnitudes equally likely, from min up to max */
	tail, /* small ones and edges; one in 8 from 2 KiB, each doubling half as likely */
};

struct size_spec {
	size_mode mode = size_mode::mix;
	std::uint32_t min = 0, max = 65536;

	/* "mix", "mix:MAX", "tail", "tail:MAX", "N" or "A-B" */
	static std::optional<size_spec> parse(const std::string &text)
	{
		if (text == "mix")
			return size_spec{};
		if (text == "tail")
			return size_spec{size_mode::tail, 0, max_message};
		auto number = [](const std::string &word) {
			return rds_tools::parse_count(word, max_message);
		};
		bool mixes = text.starts_with("mix:");
		if (mixes || text.starts_with("tail:")) {
			auto max = number(text.substr(text.find(':') + 1));
			if (!max)
				return std::nullopt;
			return size_spec{mixes ? size_mode::mix : size_mode::tail, 0,
					 static_cast<std::uint32_t>(*max)};
		}
		auto dash = text.find('-');
		auto low = number(text.substr(0, dash));
		auto high = dash == text.npos ? low : number(text.substr(dash + 1));
		if (!low || !high || *low > *high)
			return std::nullopt;
		return size_spec{size_mode::range, static_cast<std::uint32_t>(*low),
				 static_cast<std::uint32_t>(*high)};
	}

	std::size_t size_of(std::uint64_t random) const
	{
		switch (mode) {
		case size_mode::range:
			return min + random % (std::uint64_t{max} - min + 1);
		case size_mode::file:
			return any_magnitude(random, std::max<std::uint32_t>(min, 1), max);
		case size_mode::mix:
		case size_mode::tail:
			break;
		}
		std::uint64_t rest = random >> 3;
		switch (random & 7) {
		case 0:
			return mode == size_mode::tail ? tail(rest) : edge(rest, max);
		case 1:
		case 2:
		case 3:
			return edge(rest, std::min(max, 8193u));
		default:
			std::uint32_t most = mode == size_mode::tail ? 1024 : 16384;
			return any_magnitude(rest, std::min(max, 1u), std::min(max, most));
		}
	}

private:
	/* Each doubling contributes as many bytes as the one before. The last is exactly max. */
	std::size_t tail(std::uint64_t random) const
	{
		constexpr int first = 11, last = 20;
		int doublings = std::min(std::countr_zero(random | 1u << (last - first)),
					 last - first);
		std::uint64_t floor = std::uint64_t{1} << (first + doublings);
		return std::min<std::uint64_t>(floor + (random >> 16) % floor, max);
	}

	static std::size_t edge(std::uint64_t random, std::uint32_t limit)
	{
		static constexpr std::uint32_t edges[] = {
			0,     1,     2,     47,     48,     49,     63,      64,
			65,    1023,  1024,  1025,   4047,   4048,   4049,    4095,
			4096,  4097,  8191,  8192,   8193,   12288,  16384,   32768,
			65535, 65536, 65537, 131072, 262144, 524288, 1048575, 1048576};
		auto end = std::upper_bound(std::begin(edges), std::end(edges), limit);
		return edges[random % static_cast<std::uint64_t>(end - std::begin(edges))];
	}

	static std::size_t any_magnitude(std::uint64_t random, std::uint32_t low,
					 std::uint32_t high)
	{
		if (!high)
			return 0;
		unsigned first = std::bit_width(low) - 1, last = std::bit_width(high) - 1;
		std::uint64_t floor = std::uint64_t{1} << (first + random % (last - first + 1));
		std::uint64_t size = floor + (random >> 8) % floor;
		return std::clamp<std::uint64_t>(size, low, high);
	}
};

enum class message_type : std::uint32_t { data = 1, hello, welcome, fin, ack, stop };

/* The first bytes of each message that is long enough; shorter ones carry the beginning of it. */
struct message_header {
	static constexpr std::uint32_t magic_value = 0x52445358;

	std::uint32_t magic = magic_value;
	message_type type = message_type::data;
	std::uint64_t seq = 0;
	std::uint32_t sender = 0, length = 0;
	std::uint64_t seed = 0;
	digest body{}; /* SHA-256 of what follows the header */
};
static_assert(sizeof(message_header) == 64);

/* The start of both message headers up to here is enough to tell which message it was. */
constexpr std::size_t recognisable = 16;

/* One direction of traffic between two sockets. */
struct flow_plan {
	std::uint64_t seed = 1, count = 0, file_bytes = 0;
	std::uint32_t sender = 0;
	size_spec sizes;
	std::uint64_t first = 0; /* number of the first message */
	bool hashed = true; /* with SHA-256; else the receiver compares with what it builds */

	std::uint64_t random(std::uint64_t seq) const { return mixed(mixed(seed + sender) + seq); }

	std::size_t size_of(std::uint64_t seq) const { return sizes.size_of(random(seq)); }

	/* Message number seq, whole; the digest of its body is returned too. */
	digest build(std::uint64_t seq, std::vector<std::uint8_t> &out) const
	{
		message_header header;
		digest body{};

		out.resize(size_of(seq));
		if (out.size() > sizeof(header)) {
			std::span<std::uint8_t> rest(out.data() + sizeof(header),
						     out.size() - sizeof(header));
			fill_random(rest, mixed(random(seq)));
			if (hashed)
				body = sha256::of(rest.data(), rest.size());
		}
		header.seq = seq;
		header.sender = sender;
		header.length = static_cast<std::uint32_t>(out.size());
		header.seed = seed;
		header.body = body;
		if (!out.empty())
			std::memcpy(out.data(), &header, std::min(out.size(), sizeof(header)));
		return body;
	}
};

/* Hashes what makes up a flow: the order, the lengths and the digests of the bodies. */
class flow_digest {
public:
	void add(std::uint64_t seq, std::size_t size, const digest &body)
	{
		std::uint64_t numbers[2] = {seq, size};
		hash_.add(numbers, sizeof(numbers));
		hash_.add(body.data(), body.size());
	}
	digest finish() { return hash_.finish(); }

private:
	sha256 hash_;
};

/* A message of the conversation around the data: a header with a fixed structure behind it. */
template <typename Body>
std::vector<std::uint8_t> control_message(message_type type, const Body &body,
					  std::size_t pad_to = 0)
{
	message_header header;
	std::vector<std::uint8_t> out(std::max(sizeof(header) + sizeof(body), pad_to));

	header.type = type;
	header.length = static_cast<std::uint32_t>(out.size());
	header.body = sha256::of(&body, sizeof(body));
	std::memcpy(out.data(), &header, sizeof(header));
	std::memcpy(out.data() + sizeof(header), &body, sizeof(body));
	return out;
}

template <typename Body>
std::optional<Body> control_body(message_type type, std::span<const std::uint8_t> message)
{
	message_header header;
	Body body;

	if (message.size() < sizeof(header) + sizeof(body))
		return std::nullopt;
	std::memcpy(static_cast<void *>(&header), message.data(), sizeof(header));
	std::memcpy(static_cast<void *>(&body), message.data() + sizeof(header), sizeof(body));
	if (header.magic != header.magic_value || header.type != type ||
	    header.length != message.size() || header.body != sha256::of(&body, sizeof(body)))
		return std::nullopt;
	return body;
}

#endif
