//go:build tools

// Package kube names the Kubernetes programs that hack/kube/build builds, so that go.mod keeps what they need.
// k8s.io/kubernetes asks for version v0.0.0 of its 31 staging modules; go.mod replaces each by its published one.
package kube

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
