package lakehouse;

import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.CopyOption;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Local files that appear whole, and survive a power failure once they have appeared.
 *
 * java_classes.py compiles this file with the compiler that Spark has for its generated code: no generics, no lambdas.
 */
public final class LocalFiles {
    private LocalFiles() {}

    public static Path of(org.apache.hadoop.fs.Path path) {
        return new File(path.toUri().getPath()).toPath();
    }

    /** Wait until the file's content, or the folder's entries, are on the disk, unless the settings say not to. */
    public static void sync(Path path) throws IOException {
        if (!Boolean.parseBoolean(System.getProperty("lakehouse.durable", "true"))) {
            return;
        }
        FileChannel channel = FileChannel.open(path, new OpenOption[] {StandardOpenOption.READ});
        try {
            channel.force(true);
        } finally {
            channel.close();
        }
    }

    /** Write a file that appears when it is complete and on the disk; `publish` says what it raises. */
    public static void write(Path target, String text, boolean overwrite) throws IOException {
        Path draft = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
        OpenOption[] created = new OpenOption[] {StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE};
        try {
            Files.write(draft, text.getBytes(StandardCharsets.UTF_8), created);
            publish(draft, target, overwrite);
        } finally {
            Files.deleteIfExists(draft);
        }
    }

    /**
     * Give a complete draft its name, once it is on the disk.
     * Raises FileAlreadyExistsException if there is such a file, unless it is to be replaced.
     */
    public static void publish(Path draft, Path target, boolean overwrite) throws IOException {
        sync(draft);
        rename(draft, target, overwrite);
        sync(target.getParent());
        if (isFirst(target)) {
            for (Path folder = target.getParent().getParent(); isReadable(folder); folder = folder.getParent()) {
                sync(folder);
            }
        }
    }

    /** The same without waiting for the disk. */
    public static void rename(Path draft, Path target, boolean overwrite) throws IOException {
        try {
            if (overwrite) {
                Files.deleteIfExists(checksumOf(target));
                Files.move(
                    draft,
                    target,
                    new CopyOption[] {StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING});
            } else {
                Files.createLink(target, draft); // a rename would replace what another process has just written
            }
        } finally {
            Files.deleteIfExists(draft);
        }
    }

    /** Hadoop's checksum of a file. Readers trust it, so a new file must not meet that of an old one. */
    public static Path checksumOf(Path file) {
        return file.resolveSibling("." + file.getFileName() + ".crc");
    }

    /** Whether this is the first file of a log or checkpoint, whose folders may be new too. */
    private static boolean isFirst(Path file) {
        return file.getFileName().toString().matches("metadata|0+(\\.json)?");
    }

    private static boolean isReadable(Path folder) {
        return folder != null && Files.isReadable(folder);
    }
}
