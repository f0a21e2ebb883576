"""Command lines that people and models type every day, and those that do more than they seem to."""

from __future__ import annotations

EVERYDAY = """
systemctl restart prosody
systemctl restart prosody.service
systemctl restart prosody nginx
systemctl restart nginx --no-block
systemctl restart --no-pager nginx
systemctl --no-pager restart nginx
systemctl restart dovecot2.service
systemctl restart systemd-resolved
systemctl restart acme-6bit.com
systemctl --no-ask-password restart nginx
systemctl -q restart nginx
systemctl reload getty@tty1
systemctl status prosody
systemctl status prosody --no-pager
systemctl --no-pager status prosody
systemctl --no-pager -l status prosody
systemctl status prosody -l --no-pager
systemctl status prosody --no-pager --full
systemctl status -n 50 prosody
systemctl status prosody -n 50 --no-pager
systemctl status prosody --lines=50
systemctl status certbot.timer
systemctl status nginx postfix dovecot --no-pager
systemctl status 1234
systemctl is-active prosody
systemctl is-active --quiet prosody
systemctl --no-pager
systemctl list-timers --no-pager
journalctl -u prosody
journalctl -u prosody.service
journalctl -u prosody -n 50
journalctl -u prosody -n 100 --no-pager
journalctl --no-pager -u prosody -n 100
journalctl -u prosody --no-pager -n 50
journalctl -xe
journalctl -xe --no-pager
journalctl -xeu prosody
journalctl -xeu prosody.service --no-pager
journalctl -eu prosody
journalctl -fu prosody
journalctl -feu prosody
journalctl -u prosody -f
journalctl -f
journalctl -n
journalctl -n 20
journalctl -n all
journalctl -n -u prosody
journalctl -rn 20
journalctl -b
journalctl -b -1
journalctl -b 0
journalctl -b -u prosody
journalctl -b -p err
journalctl -b -1 -p err --no-pager
journalctl -p err -b
journalctl -p 3 -xb
journalctl -xb
journalctl -k
journalctl -k -b
journalctl -k -b -1
journalctl -kf
journalctl -k -n 50 --no-pager
journalctl --dmesg
journalctl -p warning
journalctl -p err..alert
journalctl -p 3
journalctl --priority=err
journalctl --since today
journalctl --since yesterday --until now
journalctl --since '1 hour ago'
journalctl --since '10 min ago' -u prosody
journalctl --since "2026-11-21 08:00:00"
journalctl --since=-1h
journalctl --since=today
journalctl --since='2 days ago' --until='1 day ago'
journalctl -S today
journalctl -S '10 minutes ago' -U now
journalctl --unit=prosody
journalctl --unit=prosody --since=today --no-pager
journalctl --unit prosody
journalctl --unit=nginx.service --lines=50
journalctl --lines 50
journalctl --lines=50
journalctl --boot
journalctl --boot=-1
journalctl -o cat -u prosody
journalctl -o short-iso -n 10
journalctl -u prosody -o json
journalctl --output=json-pretty -n 1
journalctl -u prosody -g 'TLS|certificate'
journalctl --grep=failed
journalctl --grep 'out of memory' -k
journalctl -t sshd
journalctl -t kernel -n 5
journalctl -u 'php*'
journalctl -u sshd -u prosody
journalctl -r
journalctl -r -n 5
journalctl -q -n 5
journalctl -a -n 5
journalctl -x -e
journalctl -e -u prosody
journalctl --follow
journalctl --no-pager
journalctl --no-pager -n 200
journalctl --disk-usage
journalctl --list-boots
journalctl --utc -n 3
journalctl _SYSTEMD_UNIT=prosody.service
journalctl _PID=1 + _PID=2
journalctl _UID=1000 -n 5
journalctl -u prosody --no-hostname -o short
certbot renew
certbot renew --quiet
certbot renew -q
certbot renew --dry-run
certbot renew --non-interactive
certbot renew -n
certbot renew --no-random-sleep-on-renew
certbot -q renew
df -h
df
df -h /
df -hT
df -Th /var
df -i
df --total -h
ip a
ip addr
ip addr show
ip -br a
ip -brief addr show
ip -c a
ip -4 addr show eth0
ip addr show dev eth0
ip route
ip r
ip -6 route show
ip route get 1.1.1.1
ip -s link
ip link show
ip neigh
ip -j addr
ss -tlnp
ss -tulpn
ss -tunlp
ss -ltnp
ss -antp
ss -s
ss -tlnp state listening
dmesg
dmesg -T
dmesg -H
dmesg -Tw
dmesg --ctime --level=err,warn
dmesg -T -l err
free -h
free -m
apt-get update
apt-get -y update
apt-get update -qq
apt-get install -y nginx
apt-get install nginx=1.22.1-9 libstdc++6
apt-get -y install --no-install-recommends nginx
cat /var/log/mail.log
systemctl restart php8.2-fpm
nixos-rebuild switch
nixos-rebuild switch --show-trace
""".strip().splitlines()

ATTACKS = """
systemctl restart --force x
systemctl restart -f x
systemctl restart '*'
systemctl restart 'ngin?'
systemctl restart 'ngin[x]'
systemctl restart user@1000
systemctl restart user@1000.service
systemctl restart getty@
systemctl restart getty@tty2
systemctl restart multi-user.target
systemctl restart nuketown-broker
systemctl restart nuketown-broker.service
systemctl restart nuketown-daemon
systemctl restart nginx nuketown-broker
systemctl restart /tmp/x.service
systemctl restart ./x.service
systemctl restart dev-sda1.device
systemctl restart home.mount
systemctl restart user.slice
systemctl restart docker.socket
systemctl restart -- nginx
systemctl restart ''
systemctl restart
systemctl restart ' nginx'
systemctl restart $'nginx\\nx'
systemctl restart 'nginx\\x2d'
systemctl restart --root=/home/liver nginx
systemctl restart --image=/x nginx
systemctl --user restart nginx
systemctl -M web restart nginx
systemctl --machine=web restart nginx
systemctl -H liver@evil restart nginx
systemctl --host=evil restart nginx
systemctl -Hevil restart nginx
systemctl restart --job-mode=isolate nginx
systemctl restart --job-mode replace nginx
systemctl restart --now nginx
systemctl restart --runtime nginx
systemctl restart --signal=KILL nginx
systemctl restart --mark nginx
systemctl stop nginx
systemctl start nginx
systemctl edit nginx
systemctl link /tmp/x.service
systemctl set-environment LD_PRELOAD=/tmp/x.so
systemctl daemon-reload
systemctl status user@1000
systemctl status /etc/shadow
systemctl status nuketown-broker
systemctl status -H evil nginx
systemctl status --root=/tmp nginx
systemctl status -M web nginx
systemctl restart php/../x-fpm
journalctl --file=/etc/shadow
journalctl --file /etc/shadow
journalctl --fil=/etc/shadow
journalctl --fi /etc/shadow
journalctl -n --file=/etc/shadow
journalctl -b --file=/etc/shadow
journalctl -n --fil=/etc/shadow
journalctl -u --file=/etc/shadow
journalctl -u prosody --file=/etc/shadow
journalctl -i /etc/shadow
journalctl -i/etc/shadow
journalctl -D /x
journalctl -D/x
journalctl -kD/x
journalctl -kD /x
journalctl -xeD/x
journalctl -ni/etc/shadow
journalctl -n50
journalctl -uprosody
journalctl -xeuprosody
journalctl -p3
journalctl -b-1
journalctl -M web
journalctl --machine=web
journalctl --directory=/x
journalctl --dir=/x
journalctl --root=/x
journalctl --image=/x
journalctl --namespace=x
journalctl --cursor-file=/etc/cron.d/x
journalctl --cursor-file /etc/cron.d/x
journalctl --cursor-f=/etc/cron.d/x
journalctl --vacuum-size=1
journalctl --vacuum-time=1s
journalctl --vacuum-files=1
journalctl --vac=1
journalctl --flush
journalctl --rotate
journalctl --sync
journalctl --relinquish-var
journalctl --setup-keys
journalctl --setup-keys --force
journalctl --verify-key=x
journalctl --update-catalog
journalctl --interval=1
journalctl /etc/shadow
journalctl /home/liver/x
journalctl -u
journalctl -u -n
journalctl -- x
journalctl -
journalctl -n 50 shadow
journalctl --since
journalctl --since -D
journalctl --since=/etc/shadow
journalctl -o /etc/shadow
journalctl
certbot renew --deploy-hook x
certbot renew --deploy-hook=x
certbot renew --deploy-h x
certbot renew --pre-hook x
certbot renew --post-hook x
certbot renew --renew-hook x
certbot renew --config-dir /x
certbot renew --config /x/cli.ini
certbot renew -c /x/cli.ini
certbot renew --work-dir=/x
certbot renew --logs-dir=/x
certbot renew --manual-auth-hook x
certbot renew --authenticator x
certbot renew --cert-name x
certbot renew --force-renewal
certbot renew x
certbot certonly
certbot
certbot --deploy-hook x renew
ip -b /x
ip -batch /x
ip netns exec x sh
ip net exec x sh
ip -n x addr
ip vrf exec x sh
ip link set eth0 down
ip addr add 10.0.0.1/24 dev eth0
ip route del default
ip -all netns exec sh
ss -F /etc/shadow
ss -F/etc/shadow
ss --filter=/etc/shadow
ss -D /x
ss -K
ss -tK
ss -N x
dmesg -C
dmesg -c
dmesg -TC
dmesg -F /etc/shadow
dmesg -n 1
dmesg -E
df --output /
apt-get install ./x.deb
apt-get install /tmp/x.deb
apt-get install -o Dpkg::Pre-Invoke::=x nginx
apt-get -oDpkg::Pre-Invoke::=x update
apt-get -c /x update
apt-get install 'ngin*'
apt-get install nginx-
apt-get remove nginx
cat /var/log/../shadow.log
cat /var/log/x/../../shadow.log
cat /var/log/sub/mail.log
cat /var/log/mail.log /etc/shadow
cat -n /var/log/mail.log
cat /etc/shadow
nixos-rebuild switch --flake /home/liver/x
nixos-rebuild switch --flake=/home/liver/x
nixos-rebuild switch -I nixpkgs=/home/liver/x
nixos-rebuild switch --option plugin-files /x
nixos-rebuild boot
true
""".strip().splitlines()
