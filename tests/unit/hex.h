/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes and headers written as hex text, the way the test vectors are. For tests only. */
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <rds/wire.h>

namespace test {

using bytes = std::vector<std::uint8_t>;

inline bytes from_hex(std::string_view text)
{
	std::string digits;
	bytes out;

	for (char c : text)
		if (c != ' ')
			digits += c;
	for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
		out.push_back(
			static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
	return out;
}

inline std::string to_hex(const std::uint8_t *data, std::size_t len)
{
	static const char digits[] = "0123456789abcdef";
	std::string out;

	for (std::size_t i = 0; i < len; i++) {
		if (i && i % 4 == 0)
			out += ' ';
		out += digits[data[i] >> 4];
		out += digits[data[i] & 15];
	}
	return out;
}

inline std::string to_hex(const rds_header &hdr)
{
	std::uint8_t raw[sizeof(hdr)];

	std::memcpy(raw, &hdr, sizeof(hdr));
	return to_hex(raw, sizeof(raw));
}

/* Short text leaves the rest of the header zero. */
inline rds_header header(std::string_view text)
{
	bytes raw = from_hex(text);
	rds_header hdr{};

	std::memcpy(&hdr, raw.data(), raw.size() < sizeof(hdr) ? raw.size() : sizeof(hdr));
	return hdr;
}

/* The header that carries these bytes as its extension area. */
inline rds_header header_with_ext(std::string_view text)
{
	bytes raw = from_hex(text);
	rds_header hdr{};

	std::memcpy(hdr.h_exthdr, raw.data(),
		    raw.size() < sizeof(hdr.h_exthdr) ? raw.size() : sizeof(hdr.h_exthdr));
	return hdr;
}

} // namespace test
