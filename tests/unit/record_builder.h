// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the records of RDS_INFO_* lists byte by byte, as a kernel would, for the tests of the
 * tools. Plain values.
 */
#ifndef TESTS_UNIT_RECORD_BUILDER_H
#define TESTS_UNIT_RECORD_BUILDER_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "info_records.h"

class builder {
public:
	builder &put(std::size_t at, const std::string &raw)
	{
		if (bytes_.size() < at + raw.size())
			bytes_.resize(at + raw.size());
		std::copy(raw.begin(), raw.end(), bytes_.begin() + at);
		return *this;
	}
	template <typename T>
	builder &host(std::size_t at, T value)
	{
		return put(at, std::string(reinterpret_cast<const char *>(&value), sizeof(value)));
	}
	builder &port(std::size_t at, unsigned value)
	{
		char raw[2] = {static_cast<char>(value >> 8), static_cast<char>(value)};
		return put(at, std::string(raw, 2));
	}
	builder &pad(std::size_t size, char fill = 0)
	{
		bytes_.resize(size, static_cast<std::uint8_t>(fill));
		return *this;
	}
	const std::vector<std::uint8_t> &bytes() const { return bytes_; }
	rds_tools::snapshot snap() const { return {bytes_, bytes_.size()}; }

private:
	std::vector<std::uint8_t> bytes_;
};

inline std::string ip4(int a, int b, int c, int d)
{
	return {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c),
		static_cast<char>(d)};
}

inline std::string ip6(const std::string &tail)
{
	return std::string("\x20\x01\x0d\xb8", 4) + std::string(12 - tail.size(), '\0') + tail;
}

inline const rds_tools::info_list &list_of(char letter)
{
	for (const auto &list : rds_tools::info_lists)
		if (list.letter == letter)
			return list;
	throw std::out_of_range("no such list");
}

#endif
