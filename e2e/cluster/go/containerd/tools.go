//go:build tools

// containerd, its shim and ctr, built from here by ../../src/binaries.rs; versions are pinned in go.mod beside this file.
package tools

import (
	_ "github.com/containerd/containerd/v2/cmd/containerd"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
	_ "github.com/containerd/containerd/v2/cmd/ctr"
)
