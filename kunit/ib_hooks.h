/* SPDX-License-Identifier: GPL-2.0 */
/* For ib_sources.cc, before anything else: calls that get another name there, see fake_verbs.h. */
#pragma once

#define kernel_alloc	    fv_kernel_alloc
#define kernel_pieces_alloc fv_kernel_pieces_alloc
#define rds_cong_recv_map   fv_cong_recv_map
#define rds_sg_unpin	    fv_sg_unpin
