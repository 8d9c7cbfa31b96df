# etcd, the API server, the controllers and the scheduler, in the node's network. Sourced by hack/onenode/node.

make_certificates() {
    [ ! -f "$KUBECONFIG" ] || return 0
    local make="$here/../kube/certificates" who
    "$make" ca "$pki"
    "$make" issue "$pki" apiserver /CN=kube-apiserver \
        "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$kubernetes_ip,IP:$node_ip"
    "$make" issue "$pki" kubelet "/O=system:nodes/CN=system:node:$node" "DNS:$node,IP:$node_ip"
    "$make" issue "$pki" admin /O=system:masters/CN=admin
    for who in controller-manager scheduler proxy; do
        "$make" issue "$pki" "$who" "/CN=system:kube-$who"
    done
    for who in kubelet admin controller-manager scheduler proxy; do
        "$make" kubeconfig "$pki" "$who" "https://$node_ip:6443"
    done
}

start_etcd() {
    start etcd "${in_network[@]}" "$programs/etcd" --data-dir="$run/etcd" --unsafe-no-fsync --log-level=warn \
        --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
        --listen-peer-urls=http://127.0.0.1:2380
}

start_apiserver() {
    # exec and logs ask the kubelet by its address: its name is known to nobody.
    start apiserver "${in_network[@]}" "$programs/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
        --bind-address="$node_ip" --advertise-address="$node_ip" --service-cluster-ip-range="$services" \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
        --client-ca-file="$pki/ca.crt" --service-account-issuer=https://kubernetes.default.svc \
        --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
        --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
        --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true
    wait_for "kube-apiserver is ready" 60 "$kubectl" get --raw /readyz
}

start_controllers() {
    # A scenario stops the API server for a minute. A node that is not heard of for 50 s (the default) counts as
    # lost at its return: every pod is taken out of its service, the names with them, for up to two minutes more.
    start controller-manager "${in_network[@]}" "$programs/kube-controller-manager" \
        --kubeconfig="$pki/controller-manager.kubeconfig" --service-account-private-key-file="$pki/sa.key" \
        --root-ca-file="$pki/ca.crt" --use-service-account-credentials=true --leader-elect=false \
        --bind-address=127.0.0.1 --node-monitor-grace-period=180s
    start scheduler "${in_network[@]}" "$programs/kube-scheduler" --kubeconfig="$pki/scheduler.kubeconfig" \
        --leader-elect=false --bind-address=127.0.0.1
}
