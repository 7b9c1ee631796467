package lakehouse;

import io.delta.storage.CloseableIterator;
import io.delta.storage.HadoopFileSystemLogStore;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.Path;

/**
 * Delta's log on S3: a commit is one conditional put, so of several drivers that write the same version one wins.
 *
 * The file system's own create(overwrite = false) looks first and writes then, which loses commits. A driver
 * whose leases have run out commits nothing (lakehouse/leases.py writes the file that says until when).
 * java_classes.py compiles this file with the compiler that Spark has for its generated code: no generics, no lambdas.
 */
public class ConditionalLogStore extends HadoopFileSystemLogStore {
    private static final String CONDITIONAL = "fs.option.create.conditional.overwrite";

    public ConditionalLogStore(Configuration configuration) {
        super(configuration);
    }

    public void write(Path path, Iterator actions, Boolean overwrite, Configuration configuration)
            throws IOException {
        requireLease(path);
        String text = joined(actions);
        FSDataOutputStreamBuilder builder = path.getFileSystem(configuration).createFile(path);
        builder.create().overwrite(overwrite.booleanValue()).recursive();
        if (!overwrite.booleanValue()) {
            builder.must(CONDITIONAL, true);
        }
        try {
            put((FSDataOutputStream) builder.build(), text);
        } catch (IOException error) {
            if (overwrite.booleanValue() || !isOurs(path, text, error, configuration)) {
                throw error;
            }
        }
    }

    public Boolean isPartialWriteVisible(Path path, Configuration configuration) {
        return Boolean.FALSE;
    }

    private static void put(FSDataOutputStream out, String text) throws IOException {
        try {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        } catch (IOException error) {
            out.abort(); // closing it would publish half a commit
            throw error;
        }
        out.close();
    }

    /**
     * Whether the file holds this very commit: its answer was lost, and the client's second try met its first.
     * Raises FileAlreadyExistsException if it is another's.
     */
    private boolean isOurs(Path path, String text, IOException error, Configuration configuration)
            throws IOException {
        String found;
        try {
            found = joined(read(path, configuration));
        } catch (FileNotFoundException missing) {
            throw error;
        }
        if (!found.equals(text)) {
            throw new FileAlreadyExistsException(path.toString());
        }
        return true;
    }

    private static String joined(Iterator lines) throws IOException {
        StringBuilder text = new StringBuilder();
        while (lines.hasNext()) {
            text.append((String) lines.next()).append('\n');
        }
        if (lines instanceof CloseableIterator) {
            ((CloseableIterator) lines).close();
        }
        return text.toString();
    }

    private static void requireLease(Path path) throws IOException {
        String file = System.getProperty("lakehouse.fence");
        if (file == null) {
            return;
        }
        String until = new String(Files.readAllBytes(Paths.get(file)), StandardCharsets.UTF_8).trim();
        if (System.currentTimeMillis() > Long.parseLong(until)) {
            throw new IOException("a lease of this process has run out: " + path + " is not written");
        }
    }
}
