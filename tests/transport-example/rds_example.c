// SPDX-License-Identifier: GPL-2.0
/*
 * A transport in plain C, built against the installed headers alone. Its wire is a byte FIFO for
 * each connection: xmit puts bytes in, a work item takes them out, puts messages together again and
 * hands them to the connection of the other direction. docs/writing-a-transport.md walks through it.
 *
 * It serves 10.98.0.0/16 in every network namespace and reaches only itself. Parameters make it as
 * awkward as a real network is. The core serialises conn_connect, conn_shutdown and xmit of a
 * connection; the FIFO has one writer (xmit) and one reader (the work), so it needs no lock.
 */
#include <linux/kfifo.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "rds/transport.h"
#include "rds_abi.h"

#define WIRE_BYTES 32768 /* in flight at most; a power of two */

static unsigned int most;
module_param(most, uint, 0644);
MODULE_PARM_DESC(most, "bytes that one xmit call takes at most; 0: what fits");
static unsigned int connect_ms;
module_param(connect_ms, uint, 0644);
MODULE_PARM_DESC(connect_ms, "how long connecting takes");
static unsigned int drop_every;
module_param(drop_every, uint, 0644);
MODULE_PARM_DESC(drop_every, "lose the connection after that many messages; 0: never");

static struct workqueue_struct *example_wq;
static atomic_t delivered;

/* What comes up: the incoming and its payload. */
struct example_inc {
	struct rds_incoming inc;
	u8 *data;
};

struct example_conn {
	struct rds_connection *conn;
	struct rds_connection *reverse; /* counted, from conn_connect to conn_shutdown */
	struct kfifo wire;
	struct delayed_work connect_work;
	struct delayed_work receive_work;
	/* receive_work: the message that is arriving */
	struct rds_header hdr;
	struct example_inc *ei; /* once the header is complete */
	u32 have; /* bytes of header, then of payload */
};

/*
 * ---- receiving ----
 */

static void free_incoming(struct example_inc *ei)
{
	if (ei)
		kvfree(ei->data);
	kfree(ei);
}

static struct example_inc *new_incoming(u32 len)
{
	struct example_inc *ei = kzalloc(sizeof(*ei), GFP_KERNEL);

	if (!ei)
		return NULL;
	ei->data = kvmalloc(len ?: 1, GFP_KERNEL);
	if (ei->data)
		return ei;
	kfree(ei);
	return NULL;
}

static void read_map(void *arg, unsigned int off, void *to, unsigned int len)
{
	memcpy(to, (u8 *)arg + off, len);
}

/* The message in @ec is whole; @ec forgets it. */
static void deliver(struct example_conn *ec)
{
	struct rds_connection *conn = ec->conn, *reverse = ec->reverse;
	struct example_inc *ei = ec->ei;
	u64 sequence = be64_to_cpu(ec->hdr.h_sequence);

	ec->ei = NULL;
	ec->have = 0;
	if (ec->hdr.h_flags == RDS_FLAG_CONG_BITMAP) {
		if (rds_cong_recv_map(reverse, read_map, ei->data, 0))
			/* it comes first on the next connection */
			rds_conn_drop_why(conn, RDS_WHY_no_memory);
		free_incoming(ei);
		return;
	}
	rds_inc_init(&ei->inc, reverse, &conn->c_laddr);
	ei->inc.i_hdr = ec->hdr;
	rds_recv_incoming(reverse, &conn->c_laddr, &conn->c_faddr, &ei->inc, GFP_KERNEL);
	rds_inc_put(&ei->inc);

	/* lost between delivery and ack: it will be sent again, and recognised */
	if (drop_every && atomic_inc_return(&delivered) % drop_every == 0)
		rds_conn_drop(conn);
	else
		rds_send_drop_acked(conn, sequence, NULL);
}

/* The header is complete: make room for the payload. */
static int begin_payload(struct example_conn *ec)
{
	u32 len = be32_to_cpu(ec->hdr.h_len);

	if (len > RDS_MAX_MSG_SIZE)
		return -EPROTO;
	ec->ei = new_incoming(len);
	if (!ec->ei)
		return -ENOMEM;
	ec->have = 0;
	return 0;
}

/* Return: > 0 there may be more; 0 the wire is empty; or an errno. */
static int receive_some(struct example_conn *ec)
{
	u32 len, n;

	if (!ec->ei) {
		n = kfifo_out(&ec->wire, (u8 *)&ec->hdr + ec->have, RDS_HEADER_BYTES - ec->have);
		ec->have += n;
		return ec->have < RDS_HEADER_BYTES ? 0 : begin_payload(ec) ?: 1;
	}
	len = be32_to_cpu(ec->hdr.h_len);
	n = kfifo_out(&ec->wire, ec->ei->data + ec->have, len - ec->have);
	ec->have += n;
	if (ec->have < len)
		return 0;
	deliver(ec);
	return 1;
}

static void receive(struct work_struct *work)
{
	struct example_conn *ec = container_of(to_delayed_work(work), struct example_conn,
					       receive_work);
	int ret;

	/* its peer was idle and went; connecting again finds the new one */
	if (!rds_conn_alive(ec->reverse)) {
		rds_conn_drop_why(ec->conn, RDS_WHY_counterpart_gone);
		return;
	}
	do {
		ret = receive_some(ec);
		cond_resched();
	} while (ret > 0 && rds_conn_state(ec->conn) == RDS_CONN_UP);
	if (ret == -ENOMEM)
		queue_delayed_work(example_wq, &ec->receive_work, 2);
	else if (ret < 0)
		rds_conn_drop_why(ec->conn, RDS_WHY_bad_header);
	/* what was taken out is room; to be told once too often does no harm */
	rds_send_kick(ec->conn);
}

static int example_recv(struct rds_connection *conn)
{
	return 0; /* nobody calls rds_recv_kick() */
}

static int example_inc_copy_to_user(struct rds_incoming *inc, struct iov_iter *to)
{
	struct example_inc *ei = container_of(inc, struct example_inc, inc);
	size_t n = min_t(size_t, inc->i_len, iov_iter_count(to));

	return copy_to_iter(ei->data, n, to) == n ? n : -EFAULT;
}

static void example_inc_free(struct rds_incoming *inc)
{
	free_incoming(container_of(inc, struct example_inc, inc));
}

/*
 * ---- sending ----
 */

static int example_xmit(struct rds_connection *conn, struct rds_message *rm, unsigned int hdr_off,
			unsigned int sg, unsigned int off)
{
	struct example_conn *ec = conn->c_transport_data;
	unsigned int room = kfifo_avail(&ec->wire), limit = READ_ONCE(most), sent = 0, n;

	if (limit && room > limit)
		room = limit;
	if (!hdr_off && rm->m_retransmitted)
		rm->m_inc.i_hdr.h_flags |= RDS_FLAG_RETRANSMITTED;
	if (hdr_off < RDS_HEADER_BYTES)
		sent = kfifo_in(&ec->wire, (u8 *)&rm->m_inc.i_hdr + hdr_off,
				min(room, RDS_HEADER_BYTES - hdr_off));
	for (; sent < room && sg < rm->m_nr_pieces; sg++, off = 0) {
		struct bio_vec *piece = &rm->m_pieces[sg];

		n = min(room - sent, piece->bv_len - off);
		sent += kfifo_in(&ec->wire, page_address(piece->bv_page) + piece->bv_offset + off,
				 n);
		if (off + n < piece->bv_len)
			break;
	}
	queue_delayed_work(example_wq, &ec->receive_work, 0);
	return sent; /* 0: full; receive() kicks when it has taken something out */
}

/*
 * ---- connections ----
 */

static int example_laddr_check(struct net *net, __be32 addr)
{
	return (addr & htonl(0xffff0000)) == htonl(0x0a620000) ? 0 : -EADDRNOTAVAIL;
}

static void connect_done(struct work_struct *work)
{
	struct example_conn *ec = container_of(to_delayed_work(work), struct example_conn,
					       connect_work);

	rds_connect_complete(ec->conn);
}

static int example_conn_alloc(struct rds_connection *conn, gfp_t gfp)
{
	struct example_conn *ec = kzalloc(sizeof(*ec), gfp);
	int err;

	if (!ec)
		return -ENOMEM;
	err = kfifo_alloc(&ec->wire, WIRE_BYTES, gfp);
	if (err) {
		kfree(ec);
		return err;
	}
	ec->conn = conn;
	INIT_DELAYED_WORK(&ec->connect_work, connect_done);
	INIT_DELAYED_WORK(&ec->receive_work, receive);
	conn->c_transport_data = ec;
	return 0;
}

static void example_conn_free(void *data)
{
	struct example_conn *ec = data;

	kfifo_free(&ec->wire);
	kfree(ec);
}

static int example_conn_connect(struct rds_connection *conn)
{
	struct example_conn *ec = conn->c_transport_data;
	struct rds_connection *reverse = rds_conn_reverse(conn);

	if (IS_ERR(reverse))
		return PTR_ERR(reverse);
	ec->reverse = reverse;
	queue_delayed_work(example_wq, &ec->connect_work, msecs_to_jiffies(connect_ms));
	return 0;
}

/* Also when nothing was connected: everything here can be done twice. */
static void example_conn_shutdown(struct rds_connection *conn)
{
	struct example_conn *ec = conn->c_transport_data;

	cancel_delayed_work_sync(&ec->connect_work);
	cancel_delayed_work_sync(&ec->receive_work);
	kfifo_reset(&ec->wire);
	free_incoming(ec->ei);
	ec->ei = NULL;
	ec->have = 0;
	if (ec->reverse)
		rds_conn_put(ec->reverse);
	ec->reverse = NULL;
}

static struct rds_transport example_transport = {
	.t_name = "example",
	.t_owner = THIS_MODULE,
	.t_type = 1,
	.laddr_check = example_laddr_check,
	.conn_alloc = example_conn_alloc,
	.conn_free = example_conn_free,
	.conn_connect = example_conn_connect,
	.conn_shutdown = example_conn_shutdown,
	.xmit = example_xmit,
	.recv = example_recv,
	.inc_copy_to_user = example_inc_copy_to_user,
	.inc_free = example_inc_free,
};

/*
 * ---- module ----
 */

/* Before the core's own exit: connections end while their namespace is whole. */
static void __net_exit example_net_exit(struct net *net)
{
	rds_conn_destroy_net(&example_transport, net);
}

static struct pernet_operations example_net_ops = {
	.exit = example_net_exit,
};

static int __init example_init(void)
{
	int err;

	example_wq = alloc_workqueue("rds_example", WQ_UNBOUND, 0);
	if (!example_wq)
		return -ENOMEM;
	err = register_pernet_device(&example_net_ops);
	if (err)
		goto no_net;
	err = rds_trans_register(&example_transport);
	if (err)
		goto no_transport;
	return 0;

no_transport:
	unregister_pernet_device(&example_net_ops);
no_net:
	destroy_workqueue(example_wq);
	return err;
}

static void __exit example_exit(void)
{
	rds_trans_unregister(&example_transport);
	unregister_pernet_device(&example_net_ops);
	destroy_workqueue(example_wq);
}

module_init(example_init);
module_exit(example_exit);
MODULE_DESCRIPTION("RDS: example of a transport");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(RDS);
