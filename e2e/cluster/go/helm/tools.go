//go:build tools

// Helm, built from here by ../../src/binaries.rs; its version is pinned in go.mod beside this file.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
