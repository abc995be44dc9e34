/**
 * Windows 10, Server 2016 and later, with OpenSSH and its default shell, cmd.exe, and with PowerShell 5. Written from
 * Microsoft's reference of the modules NetAdapter, NetTCPIP and NetSecurity; never run on a guest.
 *
 * No netback. No bridge: no command creates one. No rebinding: which device belongs to a handle is not documented.
 */
import { formatIpv6, linkLocal } from '../packet/address.js';
import { checkedAddress, checkedDevice, checkedDriver, checkedMac } from './arguments.js';
import { NO_INTERFACE, type OsProfile, type Port } from './os-profile.js';

/** PowerShell treats typographic quotes as quotes (about_Quoting_Rules). */
function quote(text: string): string {
  return `'${text.replaceAll(/['‘’‚‛]/g, '$&$&')}'`;
}

/** Sets `$nic`, or exits. */
function find(port: Port): string {
  const [key, value] =
    'device' in port
      ? ['Name', checkedDevice(port.device)]
      : ['MacAddress', checkedMac(port.mac).toUpperCase().replaceAll(':', '-')];
  return `
$nic = Get-NetAdapter | Where-Object ${key} -eq '${value}' | Select-Object -First 1
if (!$nic) { exit ${NO_INTERFACE} }
`;
}

export const windows: OsProfile = {
  name: 'windows',
  // about_PowerShell_exe: -EncodedCommand is UTF-16 in base64, so no shell on the way has to quote. cmd.exe limits a
  // command to 8191 characters.
  command: (script) => {
    const whole = `$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'\n${script}`;
    const encoded = Buffer.from(whole, 'utf16le').toString('base64');
    return `powershell -NoLogo -NoProfile -NonInteractive -OutputFormat Text -EncodedCommand ${encoded}`;
  },
  assign: (name, value) => `$${name} = ${quote(value)}`,
  // The firewall would drop pings and suppress resets. Windows derives no link-local address from the MAC by itself.
  configureInterface: ({ mac, ipv4, prefix }) => {
    const six = formatIpv6(linkLocal(Uint8Array.from(checkedMac(mac).split(':'), (byte) => parseInt(byte, 16))));
    checkedAddress(ipv4, prefix);
    return `${find({ mac })}
$all = (Get-NetAdapter).Name
foreach ($zone in Get-NetFirewallProfile) {
  $off = @($zone.DisabledInterfaceAliases | Where-Object { $_ -in $all -and $_ -ne $nic.Name }) + $nic.Name
  Set-NetFirewallProfile -Name $zone.Name -DisabledInterfaceAliases $off
}
Disable-NetAdapterBinding -Name $nic.Name -ComponentID 'ms_lltdio', 'ms_rspndr', 'ms_msclient', 'ms_server'
$at = @{ InterfaceIndex = $nic.ifIndex; PolicyStore = 'ActiveStore' }
Set-NetIPInterface @at -AddressFamily IPv4 -Dhcp Disabled -DadTransmits 0
Set-NetIPInterface @at -AddressFamily IPv6 -RouterDiscovery Disabled -DadTransmits 0
$has = (Get-NetIPAddress @at -ErrorAction Ignore).IPAddress -replace '%.*'
if ('${six}' -notin $has) { $null = New-NetIPAddress @at -IPAddress '${six}' -PrefixLength 64 }
if ('${ipv4}' -notin $has) { $null = New-NetIPAddress @at -IPAddress '${ipv4}' -PrefixLength ${prefix} }
$nic.Name
`;
  },
  carrier: (port) => `${find(port)}
[int]($nic.Status -eq 'Up')
`,
  kernelFacts: (driver) => `
"kernel=$([Environment]::OSVersion.Version)"
"machine=$env:PROCESSOR_ARCHITECTURE"
"driver=${checkedDriver(driver)}"
$file = (Get-CimInstance Win32_SystemDriver -Filter "Name='${checkedDriver(driver)}'").PathName
if ($file) { "driver.version=$((Get-Item $file).VersionInfo.FileVersion)" }
`,
};
