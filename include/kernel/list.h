/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Intrusive lists over the kernel's list_head, typed by element and member, and RCU hash chains.
 * The caller holds the lock that guards the list.
 */
#pragma once

#include "kernel/atomic.h"
#include "kernel/opaque.h"
#include "kernel/seam.h"

namespace kernel {

/* What DEBUG_LIST does for the kernel's own lists, in kernels that have it. */
inline void list_check([[maybe_unused]] const list_head *n)
{
	if constexpr (CHECK_LISTS)
		if (n->next->prev != n || n->prev->next != n)
			kernel_list_corrupted(n);
}

inline void list_link(list_head *n, list_head *prev, list_head *next)
{
	n->next = next;
	n->prev = prev;
	next->prev = n;
	prev->next = n;
}

inline void list_unlink(list_head *n)
{
	list_check(n);
	n->next->prev = n->prev;
	n->prev->next = n->next;
	n->next = n->prev = n;
}

inline void list_item_init(list_head *n)
{
	n->next = n->prev = n;
}

inline bool list_item_linked(const list_head *n)
{
	return n->next != n;
}

/* The object around one of its members. */
template <typename T, typename M>
inline T *container(M *member, M T::*which)
{
	/* offset of a member pointer, without an object */
	alignas(T) unsigned char *none = nullptr;
	auto off = reinterpret_cast<unsigned char *>(&(reinterpret_cast<T *>(none)->*which)) - none;
	return reinterpret_cast<T *>(reinterpret_cast<unsigned char *>(member) - off);
}

template <typename T, list_head T::*Item>
class list : pinned {
public:
	list() { list_item_init(&m_head); }

	/* Also without the lock, as a hint. */
	bool empty() const { return read_once(m_head.next) == &m_head; }
	T *front() const { return empty() ? nullptr : of(m_head.next); }
	T *next(T *t) const { return (t->*Item).next == &m_head ? nullptr : of((t->*Item).next); }
	void push_back(T *t) { list_link(&(t->*Item), m_head.prev, &m_head); }
	void push_front(T *t) { list_link(&(t->*Item), &m_head, m_head.next); }
	static void remove(T *t) { list_unlink(&(t->*Item)); }
	T *pop_front()
	{
		T *t = front();
		if (t)
			remove(t);
		return t;
	}
	/* All of @from goes in front, in its order. */
	void splice_front(list &from)
	{
		if (from.empty())
			return;
		list_head *first = from.m_head.next, *last = from.m_head.prev;
		last->next = m_head.next;
		m_head.next->prev = last;
		m_head.next = first;
		first->prev = &m_head;
		list_item_init(&from.m_head);
	}
	/* @f may remove its argument from the list. */
	template <typename F>
	void each(F f)
	{
		for (list_head *n = m_head.next, *then; n != &m_head; n = then) {
			then = n->next;
			f(of(n));
		}
	}

private:
	static T *of(list_head *n) { return container<T, list_head>(n, Item); }
	list_head m_head;
};

/* One link of an RCU hash chain. */
struct hash_link {
	hash_link *next;
	hash_link **pprev; /* null: on no chain */
};

/* A chain: writers hold a lock, readers an RCU section. */
template <typename T, hash_link T::*Link>
class hash_chain {
public:
	void add(T *t)
	{
		hash_link *n = &(t->*Link), *first = read_once(m_first);
		n->next = first;
		n->pprev = &m_first;
		if (first)
			first->pprev = &n->next;
		store_release(m_first, n);
	}
	/* Readers that stand on it still find the way on. */
	static void remove(T *t)
	{
		hash_link *n = &(t->*Link);
		write_once(*n->pprev, n->next);
		if (n->next)
			n->next->pprev = n->pprev;
		n->pprev = nullptr;
	}
	static bool linked(const T *t) { return (t->*Link).pprev; }
	T *first() const { return of(load_acquire(m_first)); }
	static T *next(const T *t) { return of(load_acquire((t->*Link).next)); }

private:
	static T *of(hash_link *n) { return n ? container<T, hash_link>(n, Link) : nullptr; }
	hash_link *m_first;
};

} // namespace kernel
