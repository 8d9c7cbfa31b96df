# containerd, the kubelet, kube-proxy and the names of services. Sourced by hack/onenode/node.

write_settings() {
    # Without CAP_SYS_RESOURCE nobody may lower oom_score_adj, and runc would refuse every container.
    cat >"$run/containerd.toml" <<END
version = 2
root = "$run/containerd/root"
state = "$run/containerd/state"
[grpc]
  address = "$socket"
[ttrpc]
  address = "$socket.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "$run/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/local/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$run/cni"
END
    cat >"$run/cni/10-bridge.conflist" <<END
{"cniVersion": "0.4.0", "name": "onenode", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$run/ipam", "ranges": [[{"subnet": "$pods"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
    echo "nameserver $dns_ip" >"$run/resolv.conf"
    cat >"$run/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
clusterDomain: cluster.local
clusterDNS: [$dns_ip]
resolvConf: $run/resolv.conf
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://$socket
failSwapOn: false
enforceNodeAllocatable: []
# The disk is the machine's own, and may be fuller than a node's: nothing is evicted or collected for that.
evictionHard: {}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
END
    # The machine's connection tracking is not ours to change.
    cat >"$run/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $pki/proxy.kubeconfig}
mode: iptables
hostnameOverride: $node
clusterCIDR: $pods
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
}

import_own() { # NAME: one of our programs as an image docker.io/local/NAME:1
    mkdir -p "$run/image/$1"
    cp "$programs/$1" "$run/image/$1/"
    python3 "$here/archive" "$run/image/$1" "docker.io/local/$1:1" "$run/image/$1.tar" "/$1"
    images images import "$run/image/$1.tar" >/dev/null
    rm -r "$run/image"
}

start_worker() {
    write_settings
    # containerd and the kubelet share one mount namespace, else a pod starts without the volumes that the
    # kubelet has mounted for it, its service account's token among them. `holder` keeps the namespace.
    start holder "${in_network[@]}" unshare --mount --propagation shared sleep infinity
    wait_for "the node's mount namespace" 5 has_own_mounts
    local enter=(nsenter --target "$(pid_of holder)" --mount --net)
    start containerd "${enter[@]}" containerd --config "$run/containerd.toml"
    wait_for "containerd answers" 20 images version
    import_own pause
    import_own coredns
    start kubelet "${enter[@]}" "$programs/kubelet" --config="$run/kubelet.yaml" --node-ip="$node_ip" \
        --kubeconfig="$pki/kubelet.kubeconfig" --hostname-override="$node" --root-dir="$run/kubelet"
    start kube-proxy "${in_network[@]}" "$programs/kube-proxy" --config="$run/kube-proxy.yaml"
}

has_own_mounts() {
    [ "$(readlink "/proc/$(pid_of holder)/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
}
