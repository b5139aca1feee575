// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the numbers of the address family and of the socket option level. Kernels of long ago
 * chose them at run time and told them in two files under /proc; without the files the official
 * ones hold. Called by every tool before its first socket(). No shared state, no locks.
 */
#ifndef RDS_TOOLS_PROC_NUMBER_H
#define RDS_TOOLS_PROC_NUMBER_H

#include <sys/socket.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

namespace rds_tools {

constexpr int official_family = 21;
constexpr int official_level = 276;
constexpr const char *family_file = "/proc/sys/net/rds/pf_rds";
constexpr const char *level_file = "/proc/sys/net/rds/sol_rds";

/* Decimal, 0x... or 0...; one newline may follow and nothing else. */
inline std::optional<int> parse_proc_number(std::string text)
{
	if (!text.empty() && text.back() == '\n')
		text.pop_back();
	/* strtol would skip blanks and take a sign; the files have neither. */
	if (text.empty() || text[0] < '0' || text[0] > '9' || text.find('\0') != text.npos)
		return std::nullopt;

	char *end = nullptr;
	errno = 0;
	long value = std::strtol(text.c_str(), &end, 0);
	if (errno || *end || value < 0 || value > INT_MAX)
		return std::nullopt;
	return static_cast<int>(value);
}

/* The number in the file, or the official one if there is no file. A file with junk is fatal. */
inline int proc_number(const char *path, int official)
{
	std::ifstream file(path);
	if (!file)
		return official;

	std::string text{std::istreambuf_iterator<char>(file), {}};
	auto value = parse_proc_number(text);
	if (!value)
		throw std::runtime_error(std::string(path) + " does not hold a number");
	return *value;
}

inline int rds_family()
{
	return proc_number(family_file, official_family);
}

inline int rds_level()
{
	return proc_number(level_file, official_level);
}

} // namespace rds_tools

#endif
