//go:build tools

// Package e2e pins the end-to-end tests of Kubernetes for `go test -c k8s.io/kubernetes/test/e2e`.
package e2e

import _ "k8s.io/kubernetes/test/e2e"
