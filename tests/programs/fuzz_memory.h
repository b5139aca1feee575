// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the fuzzer hands to the kernel: good places, places that end at a hole, places that
 * nobody may touch, and rooms whose surroundings are poisoned. One for each thread, except the
 * shared page, on which all threads scribble while the kernel reads it.
 */
#ifndef TESTS_PROGRAMS_FUZZ_MEMORY_H
#define TESTS_PROGRAMS_FUZZ_MEMORY_H

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "fuzz_random.h"

/* Private memory with a page behind it that cannot be touched. */
class fenced {
public:
	explicit fenced(std::size_t size, int access = PROT_READ | PROT_WRITE) : size_(size)
	{
		void *p = ::mmap(nullptr, size + page, access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			throw std::bad_alloc();
		base_ = static_cast<std::uint8_t *>(p);
		::mprotect(base_ + size, page, PROT_NONE);
	}
	fenced(const fenced &) = delete;
	~fenced() { ::munmap(base_, size_ + page); }

	static constexpr std::size_t page = 4096;
	std::uint8_t *start() const { return base_; }
	std::uint8_t *end() const { return base_ + size_; }
	std::size_t size() const { return size_; }

private:
	std::size_t size_;
	std::uint8_t *base_;
};

/* Where an argument lies. @writable: all of its bytes may be written, so the call may succeed. */
struct place {
	std::uint8_t *at;
	bool writable;
	/* within @at's memory, so that poison around it can be looked at */
	bool guarded = false;
};

/* Pointers that no call may follow. */
inline std::uint8_t *bad_address(fuzz_random &r)
{
	static const fenced hole(0), read_only(fenced::page, PROT_READ);
	auto pointer = [](std::uint64_t value) { return reinterpret_cast<std::uint8_t *>(value); };
	switch (r.below(8)) {
	case 0:
		return nullptr;
	case 1:
		return pointer(1);
	case 2:
		return hole.start();
	case 3:
		return read_only.start();
	case 4:
		return pointer(0x7ffffffff000 - 1); /* the end of user space */
	case 5:
		return pointer(0xffff888000000000 + r.below(1 << 30));
	case 6:
		return pointer(~0ull - r.below(64));
	default:
		return pointer(1ull << 47 | r.next());
	}
}

/* A poisoned room for what a call writes. */
class fuzz_room {
public:
	static constexpr std::uint8_t poison = 0xa5;
	static constexpr std::size_t guard = 64;

	/* for up to @most bytes */
	explicit fuzz_room(std::size_t most) : memory_(most + 4 * guard) {}

	place put(fuzz_random &r, std::size_t n)
	{
		if (r.percent(4))
			return {bad_address(r), false};
		if (r.percent(3) && n > 1)
			return {memory_.end() - 1 - r.below(n - 1), false};
		std::uint8_t *at = memory_.start() + guard + r.below(guard);
		std::memset(at - guard, poison, n + 2 * guard);
		return {at, true, true};
	}

private:
	fenced memory_;
};

class fuzz_memory {
public:
	static constexpr std::size_t room_max = (1 << 20) + 4096;
	static constexpr std::uint8_t poison = fuzz_room::poison;
	static constexpr std::size_t guard = fuzz_room::guard;

	fuzz_memory() : data_(room_max), payload_(room_max), unmarked_(room_max), small_(1 << 16) {}

	std::uint8_t *bad(fuzz_random &r) { return bad_address(r); }

	static std::uint8_t *shared()
	{
		static fenced page(2 * fenced::page);
		return page.start();
	}
	static bool is_shared(const std::uint8_t *at)
	{
		return at >= shared() && at < shared() + 2 * fenced::page;
	}
	static void scribble(fuzz_random &r)
	{
		std::uint64_t value = r.number();
		std::memcpy(shared() + r.below(2 * fenced::page - sizeof(value)), &value,
			    sizeof(value));
	}

	/* For an argument of @n bytes that was filled by @fill; mostly good. */
	place put(fuzz_random &r, const void *data, std::size_t n)
	{
		place p = find(r, n);
		if (p.writable && n)
			std::memcpy(p.at, data, n);
		else if (p.at > small_.start() && p.at < small_.end())
			std::memcpy(p.at, data, std::min<std::size_t>(n, small_.end() - p.at));
		return p;
	}

	/* For @n <= 8192 bytes. */
	place find(fuzz_random &r, std::size_t n)
	{
		unsigned int dice = static_cast<unsigned int>(r.below(100));
		if (dice < 5)
			return {bad(r), false};
		if (dice < 8 && n > 1)
			return {small_.end() - 1 - r.below(n - 1), false}; /* over the edge */
		if (dice < 14)
			return {small_.end() - n, true};
		if (dice < 16 && n <= fenced::page)
			return {shared() + r.below(fenced::page), true};
		return {small_.start() + 64 + r.below(2048), true};
	}

	place room(fuzz_random &r, std::size_t n) { return data_.put(r, n); }

	/* Has anything but the first @written of @n bytes been touched? */
	static bool spilled(const place &p, std::size_t written, std::size_t n)
	{
		if (!p.guarded)
			return false;
		auto touched = [](const std::uint8_t *from, const std::uint8_t *to) {
			return std::any_of(from, to, [](std::uint8_t b) { return b != poison; });
		};
		return touched(p.at - guard, p.at) ||
		       touched(p.at + std::min(written, n), p.at + n + guard);
	}

	/* A payload that says of itself how long it is and whether it is whole. */
	const std::uint8_t *payload(std::size_t n)
	{
		std::uint8_t *at = payload_.start();
		for (std::size_t i = 0; i < n && i < head; i++)
			at[i] = static_cast<std::uint8_t>(magic >> 8 * i);
		if (n >= head + 4) {
			std::uint32_t length = static_cast<std::uint32_t>(n);
			std::memcpy(at + head, &length, 4);
		}
		for (std::size_t i = head + 4; i < n; i++)
			at[i] = static_cast<std::uint8_t>(i * 31 + n);
		return at;
	}
	/* Return: not one of our payloads, or a good one. */
	static bool whole(const std::uint8_t *at, std::size_t n)
	{
		std::uint64_t first;
		std::uint32_t length;
		if (n < head + 4)
			return true;
		std::memcpy(&first, at, head);
		std::memcpy(&length, at + head, 4);
		if (first != magic)
			return true;
		if (length != n)
			return false;
		for (std::size_t i = head + 4; i < n; i++)
			if (at[i] != static_cast<std::uint8_t>(i * 31 + n))
				return false;
		return true;
	}
	/* Bytes that are not a payload: for what may change on its way (zero copy) or is spoiled. */
	std::uint8_t *unmarked() { return unmarked_.start(); }

	/* A payload, mostly; else bytes that change, or memory that cannot be read to its end. */
	const std::uint8_t *message(fuzz_random &r, std::size_t n, int flags = 0)
	{
		if (r.percent(93))
			return flags & MSG_ZEROCOPY ? unmarked() : payload(n);
		if (r.one_in(3))
			return bad(r);
		return r.one_in(2) && n <= fenced::page ? shared() : unmarked_.end() - n / 2;
	}

	/* Two pages that may be pinned and written to, and a place that keeps @n <= 4096 bytes. */
	std::uint8_t *aligned() const { return small_.start() + 8 * fenced::page; }
	std::uint8_t *keep(const void *data, std::size_t n)
	{
		std::memcpy(aligned() - fenced::page, data, n);
		return aligned() - fenced::page;
	}

private:
	static constexpr std::size_t head = 8;
	static constexpr std::uint64_t magic = 0x7a75664064656c73;

	fuzz_room data_;
	fenced payload_, unmarked_, small_;
};

#endif
