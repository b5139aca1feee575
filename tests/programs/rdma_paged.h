// SPDX-License-Identifier: GPL-2.0
/*
 * Rows of rds-rdma about memory that cannot be pinned, because it is a file on persistent memory
 * (fsdax): what a transport says that cannot page on demand, and what happens with one that can.
 * rdma.md 7.
 */
#ifndef TESTS_PROGRAMS_RDMA_PAGED_H
#define TESTS_PROGRAMS_RDMA_PAGED_H

#include "rdma_notices.h"
#include "rdma_regions.h"

/* The pages of a file, behind one of memory as it usually is. */
class file_pages {
public:
	file_pages(const std::string &path, std::size_t nr) : size_(nr * page)
	{
		int fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
		void *room = ::mmap(nullptr, size_ + page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		base_ = static_cast<std::uint8_t *>(room) + page;
		if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(size_)) ||
		    ::mmap(base_, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
			    MAP_FAILED) {
			std::perror(path.c_str());
			std::exit(2);
		}
		::close(fd);
	}
	file_pages(const file_pages &) = delete;
	~file_pages() { ::munmap(base_ - page, size_ + page); }

	std::uint8_t *get() const { return base_; }
	void protect(std::size_t nth, int prot) const
	{
		::mprotect(base_ + nth * page, page, prot);
	}
	std::uint64_t addr(long off = 0) const
	{
		return address_of(base_) + static_cast<std::uint64_t>(off);
	}
	void fill(unsigned seed) const
	{
		for (std::size_t i = 0; i < size_; i++)
			base_[i] = static_cast<std::uint8_t>((i * 2654435761u >> 11) + seed);
	}

private:
	std::uint8_t *base_;
	std::size_t size_;
};

inline long get_mr_for(const sock &s, const endpoint &to, const rds_get_mr_args &args)
{
	rds_get_mr_for_dest_args dest{};
	std::memcpy(&dest.dest_addr, to.sa(), to.length());
	dest.vec = args.vec;
	dest.cookie_addr = args.cookie_addr;
	return option(s, RDS_GET_MR_FOR_DEST, &dest, sizeof(dest));
}

/* @begin: where a range begins that has pages of the file. */
inline void rows_cannot_page(tap &t, couple &p, const file_pages &file, long begin)
{
	std::uint64_t cookie = 0, bytes = 2 * page;
	auto args = region_args(file.addr(begin), bytes, &cookie);
	t.is("GET_MR", -EOPNOTSUPP, get_mr(p.b, args));
	t.is("GET_MR_FOR_DEST", -EOPNOTSUPP, get_mr_for(p.b, p.at_a, args));
	t.is("MAP", -EOPNOTSUPP, send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, args));
	t.is("no cookie", 0, static_cast<long>(cookie));
	for (std::uint64_t flags : {0, RDS_RDMA_READWRITE}) {
		rdma op(1, file.addr(begin), bytes, flags | RDS_RDMA_NOTIFY_ME, 1);
		t.is("an operand", -EOPNOTSUPP, op.send(p.a, p.at_b));
	}
	t.ok("nothing is pinned, nothing registered", pinned(0) && settled());
}

inline void rows_paged_regions(tap &t, couple &p, const file_pages &file)
{
	pages local(3);
	std::uint64_t cookie = 0;
	local.fill(1);
	file.fill(2);
	t.is("GET_MR", 0,
	     get_mr(p.b, region_args(file.addr(100), 2 * page, &cookie, RDS_RDMA_READWRITE)));
	t.is("the cookie's offset", 100, static_cast<long>(cookie >> 32));
	rdma write(cookie, local.addr(7), 2 * page, RDS_RDMA_READWRITE | RDS_RDMA_NOTIFY_ME, 1);
	write.send(p.a, p.at_b);
	t.ok("a write into it", told(p.a, 1, RDS_RDMA_SUCCESS) &&
					!std::memcmp(file.get() + 100, local.get() + 7, 2 * page));
	file.fill(3);
	rdma read(cookie, local.addr(), 2 * page, RDS_RDMA_NOTIFY_ME, 2);
	read.send(p.a, p.at_b);
	t.ok("a read from it", told(p.a, 2, RDS_RDMA_SUCCESS) &&
				       !std::memcmp(file.get() + 100, local.get(), 2 * page));
	t.is("it is freed", 0, free_mr(p.b, cookie, RDS_RDMA_INVALIDATE));
	t.ok("that was all", settled());
	t.is("GET_MR_FOR_DEST", 0, get_mr_for(p.b, p.at_a, region_args(file.addr(), page)));
	auto args = region_args(file.addr(-5), page, &cookie, RDS_RDMA_USE_ONCE);
	t.is("MAP, of both kinds of memory", 4,
	     send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, args, "take"));
	offer got(p.a);
	t.ok("MAP: the peer has the cookie", got.text == "take" && got.cookie == cookie);
	t.is("MAP: its offset", static_cast<long>(page) - 5, static_cast<long>(cookie >> 32));
	fail_hook("get_mr", 1, ENOMEM);
	t.is("the transport fails", -ENOMEM, get_mr(p.b, args));
}

inline void rows_paged_operands(tap &t, couple &p, const file_pages &file)
{
	pages remote(3);
	std::uint64_t cookie = p.region(remote, RDS_RDMA_READWRITE);
	file.fill(4);
	rdma write(cookie, file.addr(99), 2 * page, RDS_RDMA_READWRITE | RDS_RDMA_NOTIFY_ME, 3);
	write.send(p.a, p.at_b);
	t.ok("a write of it", told(p.a, 3, RDS_RDMA_SUCCESS) &&
				      !std::memcmp(file.get() + 99, remote.get(), 2 * page));
	remote.fill(5);
	rdma read(cookie, file.addr(page - 1), 2 * page, RDS_RDMA_NOTIFY_ME, 4);
	read.send(p.a, p.at_b);
	t.ok("a read into it", told(p.a, 4, RDS_RDMA_SUCCESS) &&
				       !std::memcmp(file.get() + page - 1, remote.get(), 2 * page));
	write.remote_vec.bytes = 2 * page - 1;
	t.is("more than the request's", -EINVAL, write.send(p.a, p.at_b));
	rds_iovec two[] = {{remote.addr(), page}, {file.addr(), page}};
	write.remote_vec.bytes = 2 * page;
	write.local_vec_addr = address_of(two);
	write.nr_local = 2;
	t.is("of several", -EOPNOTSUPP, write.send(p.a, p.at_b));
	rds_atomic_args add{};
	add.cookie = cookie;
	add.local_addr = file.addr();
	t.is("of an atomic", -EOPNOTSUPP, send_control(p.a, p.at_b, RDS_CMSG_ATOMIC_FADD, add));
	fail_hook("get_mr", 1, ENOMEM);
	rdma again(cookie, file.addr(), page, RDS_RDMA_NOTIFY_ME, 5);
	t.is("the transport fails", -ENOMEM, again.send(p.a, p.at_b));
}

/* The message owns the operand, however it ends. */
inline void rows_paged_lives(tap &t, couple &p, const file_pages &file)
{
	pages remote(1);
	std::uint64_t cookie = p.region(remote, RDS_RDMA_READWRITE);
	rdma op(cookie, file.addr(), page, RDS_RDMA_READWRITE | RDS_RDMA_NOTIFY_ME, 7);
	long before = counter("regions");
	{
		disconnected down;
		t.is("queued", 0, op.send(p.a, p.at_b));
		t.is("the operand is a region", before + 1, counter("regions"));
		t.is("cancelled", 0, cancel(p.a, p.at_b));
		t.ok("cancelled, told", told(p.a, 7, RDS_RDMA_CANCELED));
	}
	t.ok("cancelled, and gone", eventually([&] { return counter("regions") == before; }));
	set_parameter("hold", hold_wire);
	op.send(p.a, p.at_b);
	eventually([] { return counter("operations") == 1; });
	std::atomic<bool> closed{false};
	std::thread closer([&] {
		p.a.close();
		closed = true;
	});
	::usleep(50000);
	t.ok("under way: the close waits", !closed);
	t.is("under way: its operand stays", before + 1, counter("regions"));
	set_parameter("hold", 0);
	closer.join();
	t.ok("closed, and gone", eventually([&] { return counter("regions") == before; }));
}

/* What the user may not do himself no device does for him. */
inline void rows_paged_access(tap &t, couple &p, const file_pages &file)
{
	pages remote(2);
	std::uint64_t cookie = p.region(remote, RDS_RDMA_READWRITE);
	for (int prot : {PROT_NONE, PROT_READ}) {
		std::string what = prot ? "read-only" : "no access";
		file.protect(1, prot);
		t.is(what + ", a region", -EFAULT, get_mr(p.b, region_args(file.addr(), 2 * page)));
		rdma read(cookie, file.addr(), 2 * page, RDS_RDMA_NOTIFY_ME, 8);
		t.is(what + ", read into it", -EFAULT, read.send(p.a, p.at_b));
		rdma write(cookie, file.addr(), 2 * page, RDS_RDMA_READWRITE, 9);
		t.is(what + ", written from it", prot ? 0 : -EFAULT, write.send(p.a, p.at_b));
	}
	file.protect(1, PROT_READ | PROT_WRITE);
	t.ok("that was all", idle());
}

/* There are no pages to count, but the device keeps what it knows of them: charged as if there were. */
inline void rows_paged_locked(tap &t, couple &p, const file_pages &file)
{
	std::uint64_t cookie = 0;
	auto args = region_args(file.addr(), 4 * page, &cookie);
	rdma op(1, file.addr(), 4 * page, 0);

	limit_locked(6 * page);
	{
		unprivileged user;
		t.is("within the limit", 0, get_mr(p.b, args));
		t.is("over the limit", -ENOMEM, get_mr(p.b, region_args(file.addr(), 4 * page)));
		t.is("over the limit, an operand", -ENOMEM, op.send(p.a, p.at_b));
		t.is("freed", 0, free_mr(p.b, cookie));
		t.ok("the charge comes back", eventually([&] { return get_mr(p.b, args) == 0; }));
		free_mr(p.b, cookie);
	}
	limit_locked(RLIM_INFINITY);
	t.ok("nothing is charged any more", nothing_locked(p.b));
}

/* The operand's device is that of the connection, which has to be up first. */
inline void rows_paged_unconnected(tap &t, const file_pages &file)
{
	parameter connected("need_conn", 1);
	sock far(ip("10.96.7.9"));
	endpoint to = ip("10.96.8.9", 4000);
	rdma op(1, file.addr(), page, RDS_RDMA_NOTIFY_ME, 6);
	t.is("not connected", -EAGAIN, op.send(far, to));
	t.ok("not connected: the connection comes by itself",
	     eventually([&] { return op.send(far, to) == 0; }));
}

inline void rows_paged(tap &t, const std::string &path, bool plain)
{
	file_pages file(path, 4);
	{
		t.section("a file on persistent memory, and nobody pages");
		couple p;
		rows_cannot_page(t, p, file, 0);
		t.section("the same, behind other memory");
		rows_cannot_page(t, p, file, -1);
	}
	if (plain)
		return;
	parameter can("on_demand", 1);
	using rows = void (*)(tap &, couple &, const file_pages &);
	for (auto [name, run] : {std::pair<const char *, rows>{"a region", rows_paged_regions},
				 {"an operand", rows_paged_operands},
				 {"rights", rows_paged_access},
				 {"what is charged", rows_paged_locked},
				 {"ends", rows_paged_lives}}) {
		t.section(std::string("persistent memory, ") + name);
		couple p;
		run(t, p, file);
	}
	rows_paged_unconnected(t, file);
	t.ok("nothing is pinned, nothing left", pinned(0) && settled());
}

#endif
