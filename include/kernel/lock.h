/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks over opaque storage, and the guards that are the only way to hold them.
 * Objects are built with placement new or as members; init happens in the constructor.
 */
#pragma once

#include "kernel/opaque.h"
#include "kernel/seam.h"

namespace kernel {

/* Taken with softirqs off. */
class spinlock : pinned {
public:
	explicit spinlock(kernel_lock_class cls) { kernel_spin_init(&m_lock, cls); }
	void lock() { kernel_spin_lock(&m_lock); }
	void unlock() { kernel_spin_unlock(&m_lock); }
	void assert_held() const { kernel_spin_assert_held(&m_lock); }

private:
	opaque<SPINLOCK_SIZE, SPINLOCK_ALIGN> m_lock;
};

/* Sleeps. */
class mutex : pinned {
public:
	explicit mutex(kernel_mutex_class cls) { kernel_mutex_init(&m_mutex, cls); }
	void lock() { kernel_mutex_lock(&m_mutex); }
	void unlock() { kernel_mutex_unlock(&m_mutex); }
	void assert_held() const { kernel_mutex_assert_held(&m_mutex); }

private:
	opaque<MUTEX_SIZE, MUTEX_ALIGN> m_mutex;
};

/* The one sleeping lock that softirqs may try and release. */
class semaphore : pinned {
public:
	explicit semaphore(kernel_sem_class cls) { kernel_sem_init(&m_sem, cls); }
	void lock() { kernel_sem_down(&m_sem); }
	[[nodiscard]] bool try_lock() { return kernel_sem_try_down(&m_sem); }
	void unlock() { kernel_sem_up(&m_sem); }
	void assert_held() { kernel_sem_assert_held(&m_sem); }

private:
	opaque<SEM_SIZE, SEM_ALIGN> m_sem;
};

class rwsem : pinned {
public:
	explicit rwsem(kernel_rwsem_class cls) { kernel_rwsem_init(&m_sem, cls); }
	void lock() { kernel_rwsem_write_lock(&m_sem); }
	void unlock() { kernel_rwsem_write_unlock(&m_sem); }
	void lock_shared() { kernel_rwsem_read_lock(&m_sem); }
	void unlock_shared() { kernel_rwsem_read_unlock(&m_sem); }

private:
	opaque<RWSEM_SIZE, RWSEM_ALIGN> m_sem;
};

/* Holds a lock for a scope, or until release(). */
template <typename Lock>
class [[nodiscard]] guard : pinned {
public:
	explicit guard(Lock &lock) : m_lock(&lock) { lock.lock(); }
	~guard() { release(); }
	void release()
	{
		if (m_lock)
			m_lock->unlock();
		m_lock = nullptr;
	}

private:
	Lock *m_lock;
};

template <typename Lock>
class [[nodiscard]] shared_guard : pinned {
public:
	explicit shared_guard(Lock &lock) : m_lock(lock) { lock.lock_shared(); }
	~shared_guard() { m_lock.unlock_shared(); }

private:
	Lock &m_lock;
};

/* Holds it if it was free; test before use. */
template <typename Lock>
class [[nodiscard]] try_guard : pinned {
public:
	explicit try_guard(Lock &lock) : m_lock(lock), m_held(lock.try_lock()) {}
	~try_guard()
	{
		if (m_held)
			m_lock.unlock();
	}
	explicit operator bool() const { return m_held; }

private:
	Lock &m_lock;
	const bool m_held;
};

/* An RCU read section. */
class [[nodiscard]] rcu_guard : pinned {
public:
	rcu_guard() { kernel_rcu_read_lock(); }
	~rcu_guard() { kernel_rcu_read_unlock(); }
};

} // namespace kernel
