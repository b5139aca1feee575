/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that tells what happened to it: pages of a file in memory that can be asked whether anybody still refers to
 * them, limits on locked memory for a user of one's own, and what the machine has left. For the cases of rds-cve.
 */
#ifndef TESTS_PROGRAMS_CVE_MEMORY_H
#define TESTS_PROGRAMS_CVE_MEMORY_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "trial.h"

constexpr std::size_t page_size = 4096;

/* Pages of the page cache, mapped once, each filled with its own pattern. */
class file_pages {
public:
	explicit file_pages(std::size_t pages)
	    : pages_(pages), fd_(::memfd_create("rds-cve", MFD_ALLOW_SEALING | MFD_CLOEXEC))
	{
		std::vector<std::uint8_t> fill(page_size);
		for (std::size_t i = 0; i < pages; i++) {
			std::memset(fill.data(), pattern(i), page_size);
			if (::pwrite(fd_, fill.data(), page_size,
				     static_cast<off_t>(i * page_size)) !=
			    static_cast<ssize_t>(page_size))
				std::abort();
		}
		base_ = static_cast<std::uint8_t *>(
			::mmap(nullptr, size(), PROT_READ, MAP_SHARED, fd_, 0));
	}
	file_pages(const file_pages &) = delete;
	~file_pages()
	{
		unmap();
		::close(fd_);
	}

	std::uint8_t *start() const { return base_; }
	std::size_t size() const { return pages_ * page_size; }
	void forbid(std::size_t page)
	{
		::mprotect(base_ + page * page_size, page_size, PROT_NONE);
	}
	void allow(std::size_t page) { ::mprotect(base_ + page * page_size, page_size, PROT_READ); }

	bool unchanged() const
	{
		std::vector<std::uint8_t> got(page_size), want(page_size);
		for (std::size_t i = 0; i < pages_; i++) {
			std::memset(want.data(), pattern(i), page_size);
			if (::pread(fd_, got.data(), page_size,
				    static_cast<off_t>(i * page_size)) !=
				    static_cast<ssize_t>(page_size) ||
			    got != want)
				return false;
		}
		return true;
	}

	/*
	 * Sealing against writes wants every page to have no reference but that of the file: EBUSY if somebody keeps
	 * one. Ends the mapping.
	 */
	bool unreferenced(int seconds = 10)
	{
		unmap();
		stopwatch watch;
		do {
			if (!::fcntl(fd_, F_ADD_SEALS, F_SEAL_WRITE))
				return true;
		} while (errno == EBUSY && watch.ms() < seconds * 1000);
		return false;
	}

private:
	static int pattern(std::size_t page) { return 0x41 + static_cast<int>(page % 26); }
	void unmap()
	{
		if (base_)
			::munmap(base_, size());
		base_ = nullptr;
	}

	std::size_t pages_;
	int fd_;
	std::uint8_t *base_;
};

/* Becomes a user without privileges whom nobody else uses, who may lock so many pages. */
inline void become_user(std::size_t locked_pages)
{
	rlimit limit{locked_pages * page_size, locked_pages * page_size};
	auto user = static_cast<uid_t>(100000 + ::getpid());
	if (::setrlimit(RLIMIT_MEMLOCK, &limit) || ::setgid(user) || ::setuid(user))
		std::abort();
}

/* Free memory in kB, when nothing comes back any more. */
inline long free_kb()
{
	std::ofstream("/proc/sys/vm/drop_caches") << "3";
	std::ifstream info("/proc/meminfo");
	std::string key, rest;
	for (long value; info >> key >> value; std::getline(info, rest))
		if (key == "MemAvailable:")
			return value;
	return 0;
}

/* What a call costs that should cost nothing in the end: true when all but so many kB come back. */
template <typename Call>
bool comes_back(trial &t, long kb, Call call)
{
	call(); /* caches and maps that stay are made now */
	long before = free_kb();
	call();
	stopwatch watch;
	long used;
	do {
		used = before - free_kb();
		if (used <= kb || t.set.slow()) {
			t.note("memory that stays: " + std::to_string(std::max(used, 0L)) + " kB");
			return true;
		}
		::usleep(50000);
	} while (watch.ms() < 10000);
	return t.expect("memory that stays: " + std::to_string(used) + " kB, more than " +
				std::to_string(kb),
			false);
}

#endif
