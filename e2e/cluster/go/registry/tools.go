//go:build tools

// The registry of images, built from here by ../../src/binaries.rs; its version is pinned in go.mod beside this file.
package tools

import _ "github.com/distribution/distribution/v3/cmd/registry"
