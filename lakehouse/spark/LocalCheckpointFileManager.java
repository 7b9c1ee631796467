package lakehouse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager;

/**
 * A stream's checkpoint on a local disk: when one of its files appears, it is on the disk.
 *
 * Spark's own managers leave that to the operating system; and without Hadoop's native library they start a process
 * (chmod, readlink) several times for each file. java_classes.py compiles this file: no generics, no lambdas.
 */
public class LocalCheckpointFileManager extends FileSystemBasedCheckpointFileManager {
    public LocalCheckpointFileManager(Path path, Configuration configuration) {
        super(path, configuration);
    }

    public FSDataOutputStream createTempFile(Path path) throws IOException {
        if (!isLocal()) {
            return super.createTempFile(path);
        }
        return new FSDataOutputStream(Files.newOutputStream(LocalFiles.of(path), new OpenOption[0]), null);
    }

    public void renameTempFile(Path draft, Path target, boolean overwrite) throws IOException {
        if (!isLocal()) {
            super.renameTempFile(draft, target, overwrite);
            return;
        }
        try {
            if (target.getName().endsWith(".crc")) { // Delta's checksum of a version, which it can do without
                LocalFiles.rename(LocalFiles.of(draft), LocalFiles.of(target), overwrite);
            } else {
                LocalFiles.publish(LocalFiles.of(draft), LocalFiles.of(target), overwrite);
            }
        } catch (java.nio.file.FileAlreadyExistsException error) {
            throw new FileAlreadyExistsException(target.toString());
        }
    }
}
