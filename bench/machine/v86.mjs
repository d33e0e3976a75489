// Boots a bzImage in v86, in node: node v86.mjs PACKAGE-FOLDER KERNEL INITRD MEMORY-MIB COMMAND-LINE. The first serial port is standard output.
// The program ends where the guest says that its work is done: v86 has no power supply that a kernel can switch off.
import { readFileSync, existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, kernel, initrd, memory, commandLine] = process.argv.slice(2);
const { V86 } = await import(pathToFileURL(join(folder, "build", "libv86.mjs")));

// The package has no firmware. Debian's seabios has it.
const firmware = name => {
  const file = ["/usr/share/seabios", "/usr/share/qemu"].map(place => join(place, name)).find(existsSync);
  if (!file) {
    console.error(`${name} is missing: install Debian's seabios package`);
    process.exit(127);
  }

  return { buffer: new Uint8Array(readFileSync(file)).buffer };
};

const emulator = new V86({
  wasm_path: join(folder, "build", "v86.wasm"),
  bios: firmware("bios.bin"),
  vga_bios: firmware("vgabios-stdvga.bin"),
  bzimage: { buffer: new Uint8Array(readFileSync(kernel)).buffer },
  initrd: { buffer: new Uint8Array(readFileSync(initrd)).buffer },
  cmdline: commandLine,
  memory_size: Number(memory) << 20,
  vga_memory_size: 2 << 20,
  autostart: true,
  disable_speaker: true,
  disable_keyboard: true,
  disable_mouse: true,
});

let line = "";
emulator.add_listener("serial0-output-byte", byte => {
  const text = String.fromCharCode(byte);
  if (text === "\r") {
    return;
  }

  line += text;
  if (text === "\n") {
    process.stdout.write(line);
    if (line.startsWith("gnomon: ended with status ")) {
      process.exit(0);
    }

    line = "";
  }
});
