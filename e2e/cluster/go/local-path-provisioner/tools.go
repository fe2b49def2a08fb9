//go:build tools

// The storage class `local`, built from here by ../../src/binaries.rs; its version is pinned in go.mod beside this file.
package tools

import _ "github.com/rancher/local-path-provisioner"
