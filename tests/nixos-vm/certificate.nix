# The chat server's certificate, which the machines trust: a package with cert.pem and key.pem.
{
  openssl,
  runCommand,
}:
runCommand "town-certificate" {nativeBuildInputs = [openssl];} ''
  mkdir $out
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=town.example \
    -addext subjectAltName=DNS:town.example -keyout $out/key.pem -out $out/cert.pem
''
