# Runs the program with its output on the virtio ports. The control port tells the host when it begins and how it ended; the host says
# "stop" there.
b=/.vsockspec-lab/busybox

# The ports come some time after their driver.
port() {
  tries=0
  while [ $tries -lt 500 ]; do
    for entry in /sys/class/virtio-ports/*; do
      name=
      read -r name < "$entry/name"
      if [ "$name" = "$1" ] && [ -c "/dev/${entry##*/}" ]; then
        found=/dev/${entry##*/}
        return
      fi
    done 2> /dev/null
    tries=$((tries + 1))
    $b usleep 10000
  done
  echo "<2>vsockspec-lab: there is no port $1" > /dev/kmsg
  $b reboot -f
}

port control
exec 3<> "$found"
port output
output=$found
port errors
errors=$found

. /.vsockspec-lab/settings
echo up >&3
"$@" < /dev/null > "$output" 2> "$errors" 3<&- &
program=$!
while read -r word; do
  if [ "$word" = stop ]; then
    kill -TERM $program
  fi
done <&3 &
wait $program
status=$?
$b sync
echo "exit $status" >&3

# The host ends the machine as soon as it has read that.
$b sleep 30
$b reboot -f
